"""What the experiments send: simulated payments, told apart by experiment, and ways to spoil their order."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from streams.simulator import World, encode, payments

DAYS = 4
# Of the time asked for: the last ones must not lie in the future.
_WITHIN = 0.97


@dataclass(frozen=True)
class Sent:
    """A valid payment: its id, the key it is sent under, its bytes, when it happened."""

    transaction_id: str
    key: str
    body: bytes
    occurred_at: datetime


def simulated(count: int, *, name: str, seed: int, cards: int) -> list[Sent]:
    """Payments of the last days in the order of time, their ids beginning with `name`."""
    world = World(seed=seed, cards=cards, merchants=max(100, cards // 20))
    start = datetime.now(UTC) - timedelta(days=DAYS)
    drawn = payments(world, start, rate=count / (DAYS * 86_400 * _WITHIN))
    made = []
    for number, event in enumerate(islice(drawn, count)):
        record: dict[str, Any] = event.record | {"transaction_id": f"{name}-{number}"}
        made.append(Sent(record["transaction_id"], record["card_id"], encode(record), event.occurred_at))
    assert made[-1].occurred_at < datetime.now(UTC)
    return made


def changed(sent: Sent, **fields: Any) -> Sent:
    """The same id with other content."""
    record = json.loads(sent.body) | fields
    return Sent(sent.transaction_id, sent.key, encode(record), sent.occurred_at)


def with_duplicates(sent: Sequence[Sent], share: float, chance: random.Random) -> list[Sent]:
    """Some records a second time, somewhere later."""
    again = chance.sample(range(len(sent)), round(len(sent) * share))
    places = [(float(place), one) for place, one in enumerate(sent)]
    places += [
        (place + chance.random() * chance.choice([2.0, 300.0, float(len(sent))]), sent[place]) for place in again
    ]
    return [one for _, one in sorted(places, key=lambda placed: placed[0])]


def out_of_order(sent: Sequence[Sent], chance: random.Random, *, late_share: float = 0.05) -> list[Sent]:
    """Each up to ten minutes out of its place, some up to 48 hours late."""

    def arrives_at(one: Sent) -> datetime:
        is_late = chance.random() < late_share
        return one.occurred_at + timedelta(seconds=chance.random() * (172_800 if is_late else 600))

    return [one for _, one in sorted(((arrives_at(one), one) for one in sent), key=lambda placed: placed[0])]


def poison(number: int, chance: random.Random) -> bytes:
    """The `number`-th broken record, of each kind in turn; no two are alike."""
    good = {"transaction_id": f"poison-{number}", "occurred_at": "2026-01-01T00:00:00Z", "amount": "1.00"}
    good |= {"currency": "EUR", "card_id": "card-x", "merchant_id": "m-x"}
    text = json.dumps(good)
    kinds = [
        lambda: chance.randbytes(200),
        lambda: text[: chance.randrange(5, len(text) - 1)].encode() + b"#%d" % number,
        lambda: json.dumps(good | {"merchant_name": "x" * 10_000_000}).encode(),
        lambda: text[:-1].encode() + b', "extra": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        lambda: text.replace('"1.00"', "NaN").encode(),
        lambda: text.replace('"1.00"', "1e400").encode(),
        lambda: text[:-1].encode() + rb', "merchant_name": "\ud800%d"}' % number,
        lambda: text[:-1].encode() + b', "amount": "2.00"}',
        lambda: json.dumps(good | {"card_id": f"4111111111111111 {number}"}).encode(),
    ]
    return kinds[number % len(kinds)]()


POISON_KINDS = 9
