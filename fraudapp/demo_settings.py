"""What the demo's processes are: their commands, their environment, their secrets."""

import json
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fraudapp.embedded.process import write_private

BASE_DIR = Path(__file__).resolve().parent.parent
USERNAMES = ["alice", "bob", "carol", "dave", "erin"]
# As fast as the cards of the demo's history can pay and still look like themselves, with fraud denser than in life
# so that something happens while one looks.
SIMULATION = ["--rate", "2", "--fraud-rate", "0.03"]

WEB = ["-m", "uvicorn", "fraudapp.asgi:application", "--lifespan", "on", "--no-access-log"]
CELERY = ["-m", "celery", "-A", "fraudapp"]
QUIET = ["--without-gossip", "--without-mingle"]
STREAM_WORKER = [
    *CELERY,
    "worker",
    "--stream",
    "--pool",
    "solo",
    "-n",
    "stream@%h",
    "-Q",
    "stream-control",
    *QUIET,
]
TASK_WORKER = [*CELERY, "worker", "--pool", "threads", "--concurrency", "2", "-n", "tasks@%h", *QUIET]
BEAT = [*CELERY, "beat", "--pidfile="]


def programs(port: int, data: Path) -> dict[str, list[str]]:
    """Return the commands by name in the order they start; they stop in the reverse one."""
    simulate = [str(BASE_DIR / "manage.py"), "simulate", *SIMULATION]
    arguments = {
        "beat": [*BEAT, "--schedule", str(data / "celerybeat-schedule")],
        "task-worker": TASK_WORKER,
        "stream-worker": STREAM_WORKER,
        "web": [*WEB, "--host", "127.0.0.1", "--port", str(port), "--timeout-graceful-shutdown", "3"],
        "simulator": simulate,
    }
    return {name: [sys.executable, *argv] for name, argv in arguments.items()}


def environment(given: Mapping[str, str], data: Path, kept: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of the demo's processes; addresses and keys somebody has set himself stay."""
    defaults = {
        "STREAM_URL": given["REDIS_URL"].replace("redis://", "valkey://", 1),
        "SECRET_KEY": kept["secret_key"],
        "MODEL_SIGNING_KEY": kept["model_signing_key"],
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "SECURE_TRANSPORT": "false",  # plain HTTP, and only from this machine
        "METRICS_ARE_OPEN": "true",
        "DASHBOARD_MATURE_DAYS": "7",  # of a history of weeks next to nothing is a month old
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.1/32",  # a receiver to try webhooks with
    }
    fixed = {
        "DEMO": "1",
        "DEMO_SECRETS": str(data / "secrets.json"),
        "DJANGO_SETTINGS_MODULE": "fraudapp.settings",
        "NUMBA_CACHE_DIR": str(data / "numba"),
        # One thread per process: small batches lose more by threads meeting than they win.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    # Without its bytecode cache xgboost takes seconds longer to import, in every process.
    inherited = {name: value for name, value in given.items() if value and name != "PYTHONDONTWRITEBYTECODE"}
    return {**defaults, **inherited, **fixed}


def keep_secrets(path: Path) -> dict[str, Any]:
    """Return the demo's secrets, made at random on the first start."""
    if not path.exists():
        made = {
            "secret_key": secrets.token_urlsafe(48),
            "model_signing_key": secrets.token_urlsafe(48),
            "api_key": secrets.token_urlsafe(32),
            "passwords": {username: secrets.token_urlsafe(12) for username in USERNAMES},
        }
        write_private(path, json.dumps(made, indent=2) + "\n")
    kept: dict[str, Any] = json.loads(path.read_text())
    # Somebody may have joined since.
    if missing := set(USERNAMES) - kept["passwords"].keys():
        kept["passwords"] |= {username: secrets.token_urlsafe(12) for username in sorted(missing)}
        write_private(path, json.dumps(kept, indent=2) + "\n")
    return kept
