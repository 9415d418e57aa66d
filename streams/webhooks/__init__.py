"""Sends webhooks: which messages are due, the call itself, and what became of it."""
