"""Claims and verdicts when many analysts work at once and half of them die in the middle of it."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Barrier, Lock
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, Q

from cases.models import Alert, Case, CaseEvent, Handling
from cases.services import claims, verdict_effects, verdicts
from cases.services.queues import default_queue, placement
from scoring.models import Decision, Label
from tests.factories import HOUR, MINUTE, NOON, REASONS, make_decision

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

CASES, ANALYSTS, ROUNDS = 1_000, 50, 1_000
LEASE = timedelta(seconds=settings.CLAIM_LEASE_SECONDS)
ENDS = {"verdict": "verdict", "skipped": "skipped", "released": "released", "expired": "released"}


@pytest.fixture
def _connection_for_each() -> Iterator[None]:
    """Fifty analysts on fifty connections: the twelve of a process would let only twelve meet."""
    options = connection.settings_dict["OPTIONS"]
    few = options["pool"]
    connection.close()
    connection.close_pool()
    options["pool"] = {**few, "max_size": ANALYSTS + 5}
    yield
    connection.close()
    connection.close_pool()
    options["pool"] = few


def make_analysts(number: int) -> list[User]:
    return User.objects.bulk_create(User(username=f"analyst{n}", password="!") for n in range(number))


def make_cases(number: int) -> list[Case]:
    """Open cases of one payment each, with stakes that differ."""
    values = {"currency": "EUR", "top_reason": REASONS[0]["words"], "alert_count": 1, "score": 0.95}
    times = {"opened_at": NOON, **placement(default_queue(), due_at=NOON + HOUR)}
    first = make_decision(card_id="card-0")
    others = [copy_of(first, n) for n in range(1, number)]
    decisions = [first, *Decision.objects.bulk_create(others)]
    cases = Case.objects.bulk_create(
        Case(card_id=decision.card_id, stake=n, amount=decision.amount, **values, **times)
        for n, decision in enumerate(decisions)
    )
    Alert.objects.bulk_create(Alert(case=case, decision=one) for case, one in zip(cases, decisions, strict=True))
    return cases


def copy_of(decision: Decision, number: int) -> Decision:
    fields = {item.attname: getattr(decision, item.attname) for item in Decision._meta.concrete_fields}
    return Decision(**fields | {"id": None, "transaction_id": f"load-{number}", "card_id": f"card-{number}"})


@dataclass
class Desk:
    """What the analysts themselves believe: who has which case. Fails when two believe they have the same."""

    holders: dict[UUID, User] = field(default_factory=dict)
    taken: int = 0
    conflicts: list[UUID] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def take(self, case: Case, analyst: User) -> None:
        with self._lock:
            self.taken += 1
            if case.id in self.holders:
                self.conflicts.append(case.id)
            self.holders[case.id] = analyst

    def leave(self, case: Case) -> None:
        with self._lock:
            del self.holders[case.id]

    def of(self, analyst: User) -> list[UUID]:
        return [case_id for case_id, holder in self.holders.items() if holder == analyst]


def work(desk: Desk, analyst: User, chance: random.Random, *, cases: int) -> None:
    """Take cases one after the other and decide, skip, release or keep them."""
    for _ in range(cases):
        case = claims.claim_next(analyst=analyst, now=NOON)
        if case is None:
            return
        desk.take(case, analyst)
        end = chance.choices([decide, skip, release, None], [70, 10, 10, 10])[0]
        if end is not None:
            # First the belief, then the row: from the commit on somebody else may have the case.
            desk.leave(case)
            end(case, analyst)


def decide(case: Case, analyst: User, verdict: str = "inconclusive") -> None:
    verdicts.record(case=case, analyst=analyst, verdict=verdict, typology="", note="", decided_at=NOON)


def skip(case: Case, analyst: User) -> None:
    claims.skip(case=case, analyst=analyst, reason="", now=NOON)


def release(case: Case, analyst: User) -> None:
    claims.release(case=case, actor=analyst, now=NOON)


def die_before_the_commit(analyst: User) -> None:
    """The server ends the connection while the claim's transaction holds the case's row."""
    with pytest.raises(DatabaseError):
        claim_and_lose_the_connection(analyst)


@transaction.atomic
def claim_and_lose_the_connection(analyst: User) -> None:
    assert claims.claim_next(analyst=analyst, now=NOON) is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def die_after_the_commit(desk: Desk, analyst: User) -> None:
    """The browser is gone before it saw the case it was given."""
    case = claims.claim_next(analyst=analyst, now=NOON)
    assert case is not None
    desk.take(case, analyst)


def at_once(calls: list[Callable[[], None]]) -> None:
    """Each call on its own thread and connection, all let go together; errors are raised here."""
    start = Barrier(len(calls))

    def run(call: Callable[[], None]) -> None:
        try:
            start.wait(30)
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(run, calls))


def career(desk: Desk, analyst: User, number: int) -> Callable[[], None]:
    """Every fourth analyst loses the connection in a claim, every fourth the browser after one; the others go on."""
    chance = random.Random(number)

    def run() -> None:
        work(desk, analyst, chance, cases=chance.randint(1, 15) if number % 2 else 22)
        if number % 4 == 1:
            die_before_the_commit(analyst)
        elif number % 4 == 3:
            die_after_the_commit(desk, analyst)

    return run


def renew(desk: Desk, analyst: User) -> None:
    for case in Case.objects.filter(id__in=desk.of(analyst)):
        claims.claim(case=case, analyst=analyst, now=NOON + LEASE)


@pytest.mark.usefixtures("_connection_for_each")
def test_fifty_analysts_of_whom_half_die_lose_no_case_and_share_none():
    analysts = make_analysts(ANALYSTS)
    make_cases(CASES)
    desk = Desk()

    at_once([career(desk, analyst, number) for number, analyst in enumerate(analysts)])

    assert desk.conflicts == []
    assert Handling.objects.count() == desk.taken
    assert claimed_cases() == desk.holders

    # Who lives renews; the claims of the dead run out, and two sweeps at once free each of them once.
    alive, dead = analysts[::2], analysts[1::2]
    left = sum(len(desk.of(analyst)) for analyst in dead)
    assert left >= ANALYSTS // 4
    for analyst in alive:
        renew(desk, analyst)
    swept: list[int] = []
    at_once([lambda: swept.append(claims.release_expired(now=NOON + LEASE + MINUTE))] * 2)

    assert sum(swept) == left
    assert claimed_cases() == {case: holder for case, holder in desk.holders.items() if holder in alive}
    check_every_case()


def claimed_cases() -> dict[UUID, User]:
    claimed = Case.objects.filter(status="open").exclude(claimed_by=None).select_related("claimed_by")
    return {case.id: case.claimed_by for case in claimed}


def check_every_case() -> None:
    """Each case is decided, claimed by one, or free; its handlings and its history tell the same story."""
    running = {row.case_id: row.analyst_id for row in Handling.objects.filter(ended_at=None)}
    ended = counts_by_case(Handling.objects.exclude(ended_at=None).values_list("case_id", "ending"))
    started = Counter(Handling.objects.values_list("case_id", flat=True))
    told = counts_by_case(CaseEvent.objects.values_list("case_id", "kind"))
    states: Counter[str] = Counter()
    for case in Case.objects.all():
        assert running.get(case.id) == case.claimed_by_id
        ends = ended.get(case.id, Counter())
        story = Counter({"claimed": started[case.id]})
        for ending, number in ends.items():
            story[ENDS[ending]] += number
        assert +told.get(case.id, Counter()) == +story
        assert ends["verdict"] == (case.status == "decided")
        states["decided" if case.status == "decided" else "claimed" if case.claimed_by_id else "free"] += 1
    assert states.total() == CASES
    assert set(states) == {"decided", "claimed", "free"}


def counts_by_case(rows) -> dict[UUID, Counter[str]]:
    counts: dict[UUID, Counter[str]] = {}
    for case_id, name in rows:
        counts.setdefault(case_id, Counter())[name] += 1
    return counts


def test_of_opposite_verdicts_at_the_same_moment_one_stands_a_thousand_times():
    alice, bob = make_analysts(2)
    cases = make_cases(ROUNDS)
    refused: list[tuple[UUID, str]] = []
    meet = Barrier(2)

    def judge(analyst: User, verdict: str) -> None:
        for case in cases:
            # The two meet before each case: they submit microseconds apart, in whatever order comes.
            meet.wait(30)
            try:
                decide(case, analyst, verdict)
            except verdicts.AlreadyDecidedError:
                refused.append((case.id, verdict))

    at_once([lambda: judge(alice, "fraud"), lambda: judge(bob, "legitimate")])

    lost = dict(refused)
    assert len(refused) == len(lost) == ROUNDS
    won = {case.id: (case.verdict, case.decided_by_id) for case in Case.objects.all()}
    by = {"fraud": alice.id, "legitimate": bob.id}
    other = {"fraud": "legitimate", "legitimate": "fraud"}
    assert won == {case: (other[verdict], by[other[verdict]]) for case, verdict in lost.items()}
    assert verdict_effects.settle_due(now=NOON + MINUTE) == ROUNDS
    labels = Label.objects.values_list("decision__alert__case", "label", "author")
    assert sorted(labels) == sorted((case, *stands) for case, stands in won.items())
    assert (
        Case.objects.annotate(told=Count("events", filter=Q(events__kind="verdict"))).filter(told=1).count() == ROUNDS
    )
