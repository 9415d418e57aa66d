"""Tests that are coroutines."""

from functools import wraps

from asgiref.sync import async_to_sync


def in_event_loop(test):
    @wraps(test)
    def run(*args, **kwargs):
        async_to_sync(test)(*args, **kwargs)

    return run
