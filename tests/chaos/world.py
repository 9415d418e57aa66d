"""A whole deployment for the experiments: servers of its own, and processes under a supervisor that is this program."""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from fraudapp.embedded import free_port
from fraudapp.embedded.postgres import PostgresServer
from fraudapp.embedded.valkey import ValkeyServer
from tests.chaos.processes import STREAM_WORKER, TASK_WORKER, WEB, Process, empty_valkey, keep_log, tails, wait_for
from tests.chaos.proxy import Mode, Proxy
from tests.chaos.records import Sent

SEED = 20_261_120
CHUNK = 1_000
PARTITIONS = 4
# So that a dead worker's partitions are free in seconds, and long against a batch.
LEASES = {"STREAM_RENEW_SECONDS": "0.4", "STREAM_LEASE_SECONDS": "2.0"}
SHIPPED_WEBS = ("shipped", "shipped2")
# What is taken away here is as the product ships it.
SHIPPED = dict.fromkeys(
    ("FEATURE_STORE_TIMEOUT_SECONDS", "DECISION_PATIENCE_SECONDS", "DATABASE_POOL_TIMEOUT_SECONDS"),
)
# Long against anything that is slow here because another program has the processors.
PATIENCE_SECONDS = 120.0


class World:
    """PostgreSQL, one Valkey for the streams and one for the features, the relay; stream workers as asked for.

    The relay reaches the features' Valkey through the proxy, as web and workers do that are told so.
    """

    def __init__(self) -> None:
        self.processes: dict[str, Process] = {}
        self.chance = random.Random(SEED)
        # The last decision before the experiment.
        self.base = 0
        self.ports: dict[str, int] = {}
        with ExitStack() as stack:
            self.home = Path(tempfile.mkdtemp(prefix="fraudapp-chaos-"))
            stack.callback(shutil.rmtree, self.home, ignore_errors=True)
            self.home.chmod(0o711)  # PostgreSQL may run as another user and must get through
            self.postgres = PostgresServer(self.home / "postgres")
            self.features = ValkeyServer(self.home / "features")
            self.broker = ValkeyServer(self.home / "broker")
            for server in (self.postgres, self.features, self.broker):
                stack.callback(server.stop)
                server.start()
            keep_log(self.features)
            self.proxy = Proxy(self.features.url)
            self.database_proxies = {name: Proxy(self.postgres.url) for name in SHIPPED_WEBS}
            for proxy in (self.proxy, *self.database_proxies.values()):
                stack.callback(proxy.close)
            stack.callback(self.end_processes)
            self._set_up_django()
            self._cleanup = stack.pop_all()

    def _set_up_django(self) -> None:
        os.environ.update(
            DATABASE_URL=self.postgres.url,
            REDIS_URL=self.features.url,
            STREAM_URL=self.broker.url.replace("redis://", "valkey://", 1),
            SECRET_KEY="chaos" * 10,
            MODEL_SIGNING_KEY="chaos" * 10,
            ALLOWED_HOSTS="127.0.0.1",
            SECURE_TRANSPORT="false",
            DJANGO_SETTINGS_MODULE="fraudapp.settings",
            OMP_NUM_THREADS="1",
            PYTHONUNBUFFERED="1",
            LOG_LEVEL="INFO",
            STREAM_PARTITIONS=str(PARTITIONS),
            # A busy machine must not look like a slow store, nor a slow store like a busy machine.
            FEATURE_STORE_TIMEOUT_SECONDS="0.25",
            DECISION_PATIENCE_SECONDS="5",
        )
        os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(tempfile.gettempdir(), f"fraudapp-numba-{os.getuid()}"))
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    # --- a fresh beginning -----------------------------------------------------------------------------------------

    def begin(self, *, is_fresh: bool) -> None:
        """Forget everything (`is_fresh`), or go on after what is recorded."""
        from scoring.models import Policy

        if is_fresh:
            self.end_processes()
            self._forget()
        if not Policy.objects.exists():
            _publish_policy()
        if "relay" not in self.processes:
            self.start("relay", TASK_WORKER, REDIS_URL=self.proxy.url)
        self.base = int(self.value("SELECT coalesce(max(id), 0) FROM scoring_decision"))

    def _forget(self) -> None:
        import redis
        from django.core.management import call_command
        from django.db import connection

        from scoring.services.policy import forget_policy

        if self.postgres.pid is None:
            self.postgres.start()
        # An experiment that broke off may have left ours to a server that was stopped.
        connection.close()
        connection.close_pool()
        call_command("flush", interactive=False, verbosity=0)
        forget_policy()
        for proxy in (self.proxy, *self.database_proxies.values()):
            proxy.set(Mode.PASS)
        for name, server in (("features", self.features), ("broker", self.broker)):
            if server.pid is None:
                empty_valkey(self.home / name)
                server.start()
            with redis.Redis.from_url(server.url) as client:
                client.flushall()
        keep_log(self.features)

    # --- processes -------------------------------------------------------------------------------------------------

    def start(self, name: str, arguments: tuple[str, ...], **environment: str | None) -> Process:
        log = self.home / f"{name}.log"
        process = self.processes[name] = Process(name, arguments, log, **environment)
        process.start()
        return process

    def worker(self, name: str = "stream", *, batch: int = 500, **environment: str) -> Process:
        """A stream worker; the one of this name that runs, if there is one."""
        if name in self.processes:
            return self.processes[name]
        return self.start(name, STREAM_WORKER, STREAM_BATCH_SIZE=str(batch), **LEASES | environment)

    def web(self, name: str = "web") -> int:
        """A web process, behind the proxy; its port, once it answers."""
        if name not in self.processes:
            port = self.ports[name] = free_port()
            self.start(name, WEB, port=str(port), REDIS_URL=self.proxy.url)
            self.wait(lambda: _answers(port), what=f"{name} answers")
        return self.ports[name]

    def shipped_webs(self) -> list[int]:
        """Two web processes with the product's own patience, each with a proxy before PostgreSQL; their ports."""
        for name, proxy in self.database_proxies.items():
            if name not in self.processes:
                port = self.ports[name] = free_port()
                self.start(name, WEB, port=str(port), DATABASE_URL=proxy.url, **SHIPPED)
        for name in SHIPPED_WEBS:
            self.wait(lambda name=name: _answers(self.ports[name]), what=f"{name} answers")
        return [self.ports[name] for name in SHIPPED_WEBS]

    def end(self, *names: str) -> list[int | None]:
        """Stop processes warmly; their exit codes."""
        return [self.processes.pop(name).stop() for name in names]

    def end_processes(self) -> None:
        self.end(*self.processes)

    def revive(self) -> None:
        for process in self.processes.values():
            process.revive()

    def wait(self, done: Callable[[], bool], *, what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait, as a supervisor: what ends is started again. Raises: TimeoutError."""
        try:
            wait_for(done, what=what, seconds=seconds, each=self.revive)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{tails(self.processes)}") from None

    def rest(self, seconds: float) -> None:
        """Let time pass, as a supervisor."""
        deadline = time.monotonic() + seconds
        wait_for(lambda: time.monotonic() >= deadline, what="time passes", seconds=seconds + 60, each=self.revive)

    # --- records and what became of them -----------------------------------------------------------------------------

    def produce(self, records: Iterable[tuple[str, bytes]]) -> None:
        from streams.connect import connect_publisher
        from streams.source import TRANSACTIONS

        waiting = list(records)
        with closing(connect_publisher()) as publisher:
            for start in range(0, len(waiting), CHUNK):
                publisher.publish(TRANSACTIONS, waiting[start : start + CHUNK])

    def send(self, sent: Iterable[Sent]) -> None:
        self.produce((one.key, one.body) for one in sent)

    def value(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """One value of the database, on a connection of its own."""
        with psycopg.connect(self.postgres.url, autocommit=True) as db:
            row = db.execute(query, parameters).fetchone()  # type: ignore[arg-type]
            return row[0] if row else None

    def about_decided(self) -> int:
        """Decisions of this experiment, by the numbers given out: a batch that was rolled back counts."""
        query = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM scoring_decision_id_seq"
        return int(self.value(query)) - self.base

    def decided(self) -> int:
        return int(self.value("SELECT count(*) FROM scoring_decision WHERE id > %s", [self.base]))

    def wait_for_decisions(self, count: int, *, seconds: float = PATIENCE_SECONDS) -> None:
        self.wait(lambda: self.about_decided() >= count, what=f"about {count} decisions", seconds=seconds)

    def settle(self, count: int, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until so many payments are decided, published, counted, scored again, and nothing is left to relay."""
        self.wait_for_decisions(count, seconds=seconds)
        self.wait(lambda: self.decided() >= count, what=f"{count} decisions", seconds=seconds)
        self.wait(self._is_at_rest, what="nothing left to relay", seconds=seconds)

    def _is_at_rest(self) -> bool:
        from scoring.models import PendingFeatures
        from scoring.services.store import batch_store

        unscored = "SELECT count(*) FROM scoring_rescoringdue WHERE receipt IS NOT NULL"
        if self.value("SELECT count(*) FROM scoring_outbox") or self.value(unscored):
            return False
        rows = PendingFeatures.objects.values_list("id", flat=True)
        return all(batch_store().has_receipts([str(row) for row in rows]))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()


def _publish_policy() -> None:
    """Rules on amounts and on features, so that a wrong vector would show in outcomes, and streaks of declines."""
    from scoring.services.policy import RuleDraft, publish_policy

    publish_policy(
        review_threshold=0.5,
        decline_threshold=0.9,
        rules=[
            RuleDraft("large", "amount > 400", "review", "The amount is {amount}"),
            RuleDraft("huge", "amount > 900", "decline", "Far too much"),
            RuleDraft("busy", "card_count_1h >= 6", "decline", "{card_count_1h} payments in an hour"),
        ],
        note="for the experiments",
        published_by=None,
        based_on=0,
    )


def _answers(port: int) -> bool:
    import http.client

    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
