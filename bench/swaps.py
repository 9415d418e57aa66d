"""Models swapped every 10 s under load for a minute, and each decision made again: `python -m bench.swaps`."""

import json
from collections import Counter

from bench import rig

SECONDS, EVERY, ROWS = 60.0, 10.0, 1000


def main() -> None:
    with rig.servers():
        print(json.dumps(_swap(), indent=2))  # noqa: T201


def _swap() -> dict[str, object]:
    from scoring.models import Decision
    from scoring.services.reproduction import reproduce
    from tests.factories import make_user
    from tests.scoring.payments import publish
    from tests.scoring.swap_world import make_three, swap_under_load

    publish(review=0.5, decline=0.9)
    make_three()
    swaps, failures = swap_under_load(make_user("manager"), seconds=SECONDS, every=EVERY)
    ids = list(Decision.objects.order_by("id").values_list("id", flat=True))
    otherwise, models, degraded = 0, Counter[str](), 0
    for start in range(0, len(ids), ROWS):
        rows = list(Decision.objects.filter(id__in=ids[start : start + ROWS]))
        otherwise += sum(not one.same for one in reproduce(rows))
        models.update(row.model_version for row in rows)
        degraded += sum(bool(row.degraded) for row in rows)
    return {
        "swaps": swaps, "decisions": len(ids), "by model": dict(models), "failures": failures,
        "made again otherwise": otherwise, "without a part": degraded,
    }  # fmt: skip


if __name__ == "__main__":
    main()
