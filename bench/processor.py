"""Processor time by kind of process: what a payment costs, whatever else the machine is doing."""

from collections import Counter

import psutil

_ROLES = (
    ("--stream", "stream_workers"),
    ("celery", "task_worker"),
    ("uvicorn", "web"),
    ("multiprocessing", "web"),
    ("bench.watchers", "browsers"),
    ("chrom", "browsers"),
    ("postgres", "postgresql"),
    ("valkey", "valkey"),
)


def used() -> Counter[str]:
    """Seconds that the running processes below this one have used so far, by role."""
    seconds: Counter[str] = Counter()
    for process in psutil.Process().children(recursive=True):
        try:
            times, command = process.cpu_times(), " ".join(process.cmdline()) or process.name()
        except psutil.Error:
            continue
        role = next((role for sign, role in _ROLES if sign in command), "others")
        seconds[role] += times.user + times.system
    return seconds
