"""Payments from files: reading a format, mapping its columns to our fields, and the import itself."""
