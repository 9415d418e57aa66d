"""Reads of the console: nothing here writes."""
