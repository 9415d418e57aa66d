"""Servers, a migrated database, a policy, a trained model, and the product's processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from fraudapp.embedded import free_port, start_test_servers

BASE_DIR = Path(__file__).resolve().parent.parent
WORKER = (
    "-m",
    "celery",
    "-A",
    "fraudapp",
    "worker",
    "--without-gossip",
    "--without-mingle",
    "--loglevel",
    "ERROR",
)
STREAM_WORKER = (*WORKER, "--stream", "--pool", "solo", "-Q", "stream-control")
TASK_WORKER = (*WORKER, "--pool", "threads", "--concurrency", "2", "-n", "tasks@%h")
WARM_UP_SECONDS = 120.0
# 40,000 payments a day.
WORLD: dict[str, Any] = {"seed": 7, "cards": 50_000, "merchants": 2_200, "payments_per_day": 0.8}


@contextmanager
def servers() -> Iterator[None]:
    """PostgreSQL that syncs to disk as in production, Valkey, and Django set up on them."""
    with start_test_servers(durable=True) as started:
        os.environ.update(
            DATABASE_URL=started.database_url,
            REDIS_URL=started.redis_url,
            STREAM_URL=started.stream_url,
            SECRET_KEY="bench" * 10,
            MODEL_SIGNING_KEY="bench" * 10,
            ALLOWED_HOSTS="127.0.0.1",
            SECURE_TRANSPORT="false",
            LOG_LEVEL="WARNING",
            DJANGO_SETTINGS_MODULE="fraudapp.settings",
            OMP_NUM_THREADS="1",
            OPENBLAS_NUM_THREADS="1",
        )
        os.environ.setdefault("NUMBA_CACHE_DIR", str(BASE_DIR / ".data" / "numba"))
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        _set_up_as_in_production()
        yield


def _set_up_as_in_production() -> None:
    """What docker-compose.yml says of the servers, and the small ones of demo and tests do not need."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
        db.execute("ALTER SYSTEM SET max_wal_size = '4GB'")
        db.execute("SELECT pg_reload_conf()")
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as valkey:
        valkey.config_set("auto-aof-rewrite-min-size", "1gb")


def prepare(history_start: datetime, history_days: float, rule_count: int) -> None:
    """A policy of so many rules, simulated history, and a model trained on it."""
    from django.core.management import call_command

    publish(rule_count)
    history = BASE_DIR / ".data" / "bench-history.jsonl"
    history.parent.mkdir(exist_ok=True)
    call_command(
        "simulate",
        file=history,
        days=history_days,
        start=history_start.isoformat(),
        fraud_rate=0.01,
        with_labels=True,
        **WORLD,
    )
    call_command("import_transactions", history, mapping=BASE_DIR / "docs/mappings/simulated.toml")
    history.unlink()
    call_command("train_model", maturity_days=2)


def publish(rule_count: int, *, is_quiet: bool = False) -> None:
    """Put a policy of so many rules in force; a quiet one flags next to nothing."""
    from bench.rules import rules
    from scoring.policy_defaults import DECLINE_THRESHOLD, REVIEW_THRESHOLD
    from scoring.services.policy import NoPolicyError, live_policy, publish_policy

    try:
        based_on = live_policy().version
    except NoPolicyError:
        based_on = 0
    publish_policy(
        review_threshold=1.0 if is_quiet else REVIEW_THRESHOLD,
        decline_threshold=1.0 if is_quiet else DECLINE_THRESHOLD,
        rules=rules(rule_count, is_quiet=is_quiet),
        note="bench",
        published_by=None,
        based_on=based_on,
    )


def wait_for_policy() -> None:
    """Until every process follows the newest version."""
    from scoring.services.policy import RECHECK_SECONDS

    time.sleep(RECHECK_SECONDS + 0.5)


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of the product's processes, ended warmly."""
    started = subprocess.Popen([sys.executable, *arguments], cwd=BASE_DIR, env=os.environ | environment)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(40)
        except subprocess.TimeoutExpired:
            started.kill()


@contextmanager
def web(workers: int, application: str = "fraudapp.asgi:application", **environment: str) -> Iterator[int]:
    """The web process on a free port; the port."""
    port = free_port()
    arguments = ("-m", "uvicorn", application, "--port", str(port), "--lifespan", "auto", "--workers", str(workers))
    with process(*arguments, "--no-access-log", "--log-level", "warning", **environment):
        yield port


@contextmanager
def mute_valkey() -> Iterator[None]:
    """Valkey takes connections and answers nothing."""
    (valkey,) = [child for child in psutil.Process().children(recursive=True) if "valkey" in child.name()]
    valkey.suspend()
    try:
        yield
    finally:
        valkey.resume()


def wait_for(done: Callable[[], bool], *, seconds: float, every: float = 0.05) -> None:
    """Poll until done.

    Raises:
        TimeoutError: it did not happen in time.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not done within {seconds:.0f} s")
        time.sleep(every)
