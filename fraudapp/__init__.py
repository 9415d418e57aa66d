"""Wires the rooms together: settings, URLs, ASGI, Celery, the demo."""
