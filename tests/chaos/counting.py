"""What became of what was sent: counted from outside, recomputed from the record, and checked by `verify_ledger`."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import numpy as np
import polars as pl
from django.core.management import CommandError, call_command
from django.db import connection
from numpy.typing import NDArray

from cases.models import Alert, FeedEntry
from scoring.card_numbers import mask_card_numbers
from scoring.features.definitions import NAMES
from scoring.features.events import state_key
from scoring.features.offline import PAYMENTS, Replayed, compare_states, replay
from scoring.models import Decision, Rescoring
from scoring.services.store import batch_store
from streams.connect import connect_source
from streams.ledger.states import OWN_COLUMNS
from streams.models import DeadLetter
from streams.source import DECISIONS, START
from tests.chaos.records import Sent
from tests.chaos.world import World

MAX_EXAMPLES = 5
_ROWS = """
SELECT id, transaction_id, occurred_at, received_at, amount::float8, card_id, customer_id, merchant_id, device_id,
  host(ip_address), record->>'merchant_country', record->>'card_country', record->>'billing_country',
  record->>'channel', (record->>'latitude')::float8, (record->>'longitude')::float8, outcome = 'decline',
  features, 'features' = ANY(degraded)
FROM scoring_decision ORDER BY id
"""
_COLUMNS = [
    "id", "transaction_id", "occurred_at", "received_at", "amount", "card_id", "customer_id", "merchant_id",
    "device_id", "ip_address", "merchant_country", "card_country", "billing_country", "channel", "latitude",
    "longitude", "is_declined", "features", "is_degraded",
]  # fmt: skip


@dataclass
class Outcome:
    """What an experiment found. `done`: what was done, in counts; `examples` of what is lost, twice or wrong."""

    name: str
    done: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    twice: int = 0
    wrong: int = 0
    ledger: str = ""
    examples: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.twice or self.wrong or self.examples) and self.ledger == "holds"

    def miss(self, kind: str, what: Iterable[str], words: str) -> None:
        """Count what is `lost`, `twice` or `wrong`, and keep the first ones."""
        found = sorted(what)
        setattr(self, kind, getattr(self, kind) + len(found))
        room = MAX_EXAMPLES - sum(example.startswith(kind) for example in self.examples)
        self.examples += [f"{kind}: {name} {words}" for name in found[: max(0, room)]]

    def require(self, is_so: bool, words: str) -> None:
        """Note what did not happen as it must, besides things lost or twice."""
        if not is_so:
            self.examples.append(words)

    def require_all_alive(self, world: World) -> None:
        """No process may have ended by itself."""
        for process in world.processes.values():
            self.require(not process.exit_codes, f"{process.name} ended by itself with {process.exit_codes}")


def close_the_books(
    world: World, outcome: Outcome, sent: Sequence[Sent], letters: Sequence[bytes] = (), *, only_own: bool = False
) -> None:
    """Count what was sent, compare features with those of the record, and check the ledger. All must be at rest.

    letters: bodies that must be dead letters. only_own: several writers shared merchants and devices, so only what a
    card's own payments make can be recomputed in a vector; states are compared whole.
    """
    count_decisions(outcome, {one.transaction_id for one in sent}, world.base)
    count_published(outcome, world.base)
    count_alerts(outcome)
    count_letters(outcome, letters)
    compare_features(outcome, world.base, only_own=only_own)
    check_ledger(outcome)


def count_decisions(outcome: Outcome, wanted: set[str], base: int) -> None:
    found = list(Decision.objects.filter(id__gt=base).values_list("transaction_id", flat=True))
    outcome.done["payments"] = len(wanted)
    outcome.miss("lost", wanted - set(found), "has no decision")
    outcome.miss("twice", set(found) - wanted, "was decided and never sent as valid")
    outcome.miss("twice", ["some"] * (len(found) - len(set(found))), "has more than one decision")


def count_published(outcome: Outcome, base: int) -> None:
    """Each decision stands on the topic at least once, with one content."""
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    messages = 0
    with closing(connect_source(DECISIONS)) as source:
        positions = {partition.name: START for partition in source.partitions()}
        while found := source.read(positions, limit=10_000, wait_seconds=0.2):
            for message in found:
                positions[message.partition] = message.position
                contents[json.loads(message.body)["transaction_id"]].add(message.body)
            messages += len(found)
    names = set(Decision.objects.filter(id__gt=base).values_list("transaction_id", flat=True))
    outcome.miss("lost", names - contents.keys(), "was not published")
    outcome.miss("twice", [name for name in names if len(contents[name]) > 1], "was published with two contents")
    if messages > len(contents):
        outcome.done["published again, the same"] = messages - len(contents)


def count_alerts(outcome: Outcome) -> None:
    # What was let through without features, and was flagged when it was scored again, has its alert too.
    flagged = set(Decision.objects.exclude(outcome="approve").values_list("id", flat=True))
    flagged |= set(Rescoring.objects.exclude(outcome="approve").values_list("decision_id", flat=True))
    alerts = list(Alert.objects.values_list("decision_id", flat=True))
    shown = list(FeedEntry.objects.values_list("decision_id", flat=True))
    outcome.done["flagged"] = len(flagged)
    for found, what in ((alerts, "alert"), (shown, "feed entry")):
        outcome.miss("lost", map(str, flagged - set(found)), f"is flagged and has no {what}")
        outcome.miss("twice", map(str, set(found) - flagged), f"has an {what} and is not flagged")
        outcome.miss("twice", ["some"] * (len(found) - len(set(found))), f"has more than one {what}")


def count_letters(outcome: Outcome, wanted: Sequence[bytes]) -> None:
    """Each of these bodies, no two of which are alike, is one dead letter."""
    if not wanted:
        return
    outcome.done["invalid or in conflict"] = len(wanted)
    found: defaultdict[bytes, int] = defaultdict(int)
    for body in DeadLetter.objects.values_list("body", flat=True).iterator(chunk_size=50):
        found[bytes(body)] += 1
    masked = [mask_card_numbers(body) for body in wanted]
    outcome.miss("lost", [repr(body[:60]) for body in masked if body not in found], "is no dead letter")
    outcome.miss("twice", [repr(body[:60]) for body in masked if found[body] > 1], "is more than one dead letter")


@dataclass(frozen=True)
class Record:
    """The decisions in their order. vectors: float32 (decisions, features), as they were stored."""

    rows: pl.DataFrame
    vectors: NDArray[np.float32]
    again: Replayed


def read_record() -> Record:
    """All decisions, with the vectors and states that replaying them gives."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS)
        rows = pl.DataFrame(cursor.fetchall(), schema=_COLUMNS, orient="row", infer_schema_length=None)
    stored = np.frombuffer(b"".join(rows["features"]), np.float32).reshape(len(rows), len(NAMES))
    frame = rows.select(pl.col(name).cast(kind) for name, kind in PAYMENTS.items())
    return Record(rows, stored, replay(frame))


def compare_features(outcome: Outcome, base: int, *, only_own: bool) -> None:
    """Stored vectors of this experiment and all live states beside those that the record gives."""
    record = read_record()
    compare_vectors(outcome, record, base, np.array(OWN_COLUMNS) if only_own else np.arange(len(NAMES)))
    live = batch_store()
    for kind, states in record.again.states.items():
        keys = [state_key(kind, name) for name in states.names]
        for start in range(0, len(keys), 1000):
            stored = live.read(keys[start : start + 1000])[1]
            for key, one, row in zip(keys[start:], stored, states.rows[start:], strict=False):
                parts = ["all of it"] if one is None else compare_states(one, row.tobytes(), kind)
                outcome.miss("wrong", [key] if parts else [], f"differs in {', '.join(parts)}")
        outcome.done["states compared"] = outcome.done.get("states compared", 0) + len(keys)


def compare_vectors(outcome: Outcome, record: Record, base: int, columns: NDArray[np.intp]) -> None:
    """Counts exactly, floats within a millionth; what was decided without the store is left out."""
    is_ours = ((record.rows["id"] > base) & ~record.rows["is_degraded"]).to_numpy()
    stored, again = record.vectors[is_ours][:, columns], record.again.vectors[is_ours][:, columns]
    outcome.done["vectors compared"] = len(stored)
    differing = ~np.isclose(stored, again, rtol=1e-6, atol=0.0, equal_nan=True)
    names = record.rows["transaction_id"].to_numpy()[is_ours]
    for row in np.flatnonzero(differing.any(axis=1)):
        fields = [NAMES[columns[column]] for column in np.flatnonzero(differing[row])]
        outcome.miss("wrong", [str(names[row])], f"was decided with other values of {', '.join(fields)}")


def check_ledger(outcome: Outcome) -> None:
    """`manage.py verify_ledger --json`: holds, or the letters that do not and the first reason."""
    out = StringIO()
    try:
        call_command("verify_ledger", "--json", stdout=out, stderr=StringIO())
    except CommandError as error:
        if not out.getvalue():
            outcome.ledger = str(error)
            return
    checks: list[dict[str, Any]] = json.loads(out.getvalue())
    bad = [check for check in checks if check["standing"] != "holds" or check["unknown"]]
    outcome.ledger = ", ".join(f"{check['invariant']} {check['standing']}" for check in bad) or "holds"
    for check in bad:
        outcome.examples += [f"ledger {check['invariant']}: {words}" for words in check["examples"] + check["unknown"]]
