"""What explaining an alert takes, one at a time and in batches, and what of it: `python -m bench.explanations`."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bench import rig

RULES, FLAGGED, SIZE = 30, 200, 500
HISTORY_DAYS, MOST_PAYMENTS = 1.0, 40_000


def main() -> None:
    with rig.servers():
        from bench.stream import Traffic

        days = MOST_PAYMENTS / (rig.WORLD["cards"] * rig.WORLD["payments_per_day"])
        start = datetime.now(UTC) - timedelta(days=1 + days)
        rig.prepare(start - timedelta(days=HISTORY_DAYS), HISTORY_DAYS, RULES)
        ids = _flagged(Traffic(start))
        print(json.dumps({"flagged": len(ids), **_explaining(ids), **_parts(ids)}, indent=2))  # noqa: T201


def _flagged(traffic: Any) -> list[int]:
    """Payments decided as the stream does until FLAGGED of them are flagged; their ids."""
    from scoring.models import Decision
    from scoring.services.decisions import Arrival, Writer, decide_transactions
    from scoring.services.store import batch_store
    from scoring.transaction import decode

    at, before = datetime.now(UTC), Decision.objects.order_by("-id").values_list("id", flat=True)[0]
    found = Decision.objects.filter(id__gt=before).exclude(outcome="approve").values_list("id", flat=True)
    for _ in range(0, MOST_PAYMENTS, SIZE):
        arrivals = [Arrival(decode(body, received_at=at), at, "stream:bench/0") for _, body in traffic.take(SIZE)]
        decide_transactions(arrivals, writer=Writer("stream:bench", batch_store()))
        if found.count() >= FLAGGED:
            break
    return list(found.order_by("id")[:FLAGGED])


def _explaining(ids: Sequence[int]) -> dict[str, Any]:
    from scoring.models import Explanation
    from scoring.services.explaining import EXPLAINED_AT_ONCE, explain_decisions

    def explain(part: Sequence[int]) -> Callable[[], object]:
        return lambda: explain_decisions(part, at=datetime.now(UTC))

    # Compiles the kernel's constants, loads the model and reads its trees.
    first = _timed(explain(ids[:1]))
    alone = [_timed(explain([one])) for one in ids[1:]]
    states = {state: Explanation.objects.filter(state=state).count() for state in Explanation.State.values}
    with_one = sum(bool(row["found"]) for row in Explanation.objects.values_list("counterfactuals", flat=True))
    Explanation.objects.all().delete()
    parts = [ids[start : start + EXPLAINED_AT_ONCE] for start in range(0, len(ids), EXPLAINED_AT_ONCE)]
    together = [(_timed(explain(part)), len(part)) for part in parts]
    return {
        "states": states,
        "with_a_counterfactual": with_one,
        "first_of_a_process_ms": round(first[0], 1),
        "one_at_a_time_ms": _spread([wall for wall, _ in alone]),
        "of_it_processor_ms": _spread([processor for _, processor in alone]),
        f"each_in_batches_of_{EXPLAINED_AT_ONCE}_ms": _spread([took[0] / count for took, count in together]),
        "of_it_processor_in_batches_ms": _spread([took[1] / count for took, count in together]),
    }


def _parts(ids: Sequence[int]) -> dict[str, Any]:
    """Processor time of the contributions again, and of handing them over with the decisions instead."""
    import numpy as np
    from django.db import transaction

    from scoring.features.definitions import NAMES
    from scoring.models import Decision, Outbox
    from scoring.services.outbox import add_to_outbox
    from scoring.services.reproduction import past_model

    rows = list(Decision.objects.filter(id__in=ids[:20]).exclude(model_version=""))
    model = past_model(rows[0].model_version)
    assert model is not None
    vectors = np.stack([np.frombuffer(bytes(row.features), np.float32) for row in rows])
    payload = np.zeros((len(rows), len(NAMES) + 1), np.float32).tobytes()

    def hand_over() -> None:
        with transaction.atomic():
            add_to_outbox(Outbox.Topic.EXPLANATIONS, [row.id for row in rows], payload)
            transaction.set_rollback(True)

    return {
        "contributions_of_one_ms": _spread([_timed(lambda: model.contributions(vectors[:1]))[1] for _ in range(100)]),
        f"contributions_of_{len(rows)}_ms": _spread(
            [_timed(lambda: model.contributions(vectors))[1] for _ in range(50)]
        ),
        "handing_over_a_batch_ms": _spread([_timed(hand_over)[1] for _ in range(100)]),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"p50": round(statistics.median(values), 2), "p95": round(statistics.quantiles(values, n=20)[-1], 2)}


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds, and of them this process's own."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000


if __name__ == "__main__":
    main()
