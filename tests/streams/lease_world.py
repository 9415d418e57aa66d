"""Workers that share the partitions of a stream, turn by turn."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from streams.leases import Handled, Leases
from streams.models import StreamProgress, StreamWorker
from streams.source import Partition

FOUR = [Partition(str(number)) for number in range(4)]


def worker(name: str) -> Leases:
    return Leases("s", owner=name)


def turn(leases: Leases, partitions: list[Partition] = FOUR) -> list[str]:
    return sorted(leases.turn(partitions))


def settle(*workers: Leases, partitions: list[Partition] = FOUR) -> list[list[str]]:
    """What each holds after enough turns for everybody to have let go and taken."""
    for _ in range(3):
        for one in workers:
            turn(one, partitions)
    return [sorted(one.positions) for one in workers]


def move(leases: Leases, *, has_valid: bool = True, refused: int = 0, **reached: int) -> Handled:
    names = {name.removeprefix("p"): position for name, position in reached.items()}
    batch = Handled(names, dict.fromkeys(names, refused), has_valid)
    with transaction.atomic():
        leases.move(batch)
    leases.advance(batch)
    return batch


def die(leases: Leases) -> None:
    """The worker is not heard of again, and its time passes."""
    long_ago = timedelta(seconds=settings.STREAM_LEASE_SECONDS + 1)
    StreamProgress.objects.filter(owner=leases.owner).update(lease_until=F("lease_until") - long_ago)
    StreamWorker.objects.filter(owner=leases.owner).update(seen_at=F("seen_at") - long_ago)
