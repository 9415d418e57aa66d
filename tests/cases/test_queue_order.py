"""The order of work: the weight of a case at any time, from a rank that is stored."""

import re
from decimal import Decimal
from math import isclose, log2

import pytest
from django.db import connection
from django.db.models import Q
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from cases.models import Case
from cases.queries.queues import heaviest
from cases.services import claims, queues
from cases.services.queues import default_queue, placement
from tests.factories import HOUR, MINUTE, NOON, make_case, make_queue, make_user

MINUTES = st.integers(-60 * 24, 60 * 24)
CASES = st.lists(st.tuples(st.integers(0, 10_000_00), MINUTES, st.integers(0, 2)), min_size=2, max_size=8)
HALF_LIVES = (10, 30, 240)


def weight_of(case, now):
    """log2 of the documented weight: (stake + 1) x 2^(-time left / half-life)."""
    left = (case.due_at - now) / MINUTE
    return log2(float(case.stake) + 1) - left / case.half_life_minutes


class OrderTest(TestCase):
    @settings(max_examples=30, deadline=None)
    @given(given_cases=CASES, minutes=MINUTES)
    def test_the_stored_order_is_that_of_the_weights_at_any_time(self, given_cases, minutes):
        now = NOON + minutes * MINUTE
        made = [make_queue(f"q{n}", half_life_minutes=half_life) for n, half_life in enumerate(HALF_LIVES)]
        for number, (cents, due, which) in enumerate(given_cases):
            Case.objects.create(
                card_id=f"card-{number}", stake=Decimal(cents) / 100, currency="EUR", amount=1, top_reason="",
                opened_at=NOON, **placement(made[which], due_at=NOON + due * MINUTE),
            )  # fmt: skip

        found = list(heaviest([queue.id for queue in made], Q(), now=now, limit=100))

        weights = [weight_of(case, now) for case in found]
        assert len(found) == len(given_cases)
        assert all(first >= second - 1e-6 for first, second in zip(weights, weights[1:], strict=False))
        assert all(isclose(case.weight, weight_of(case, now), abs_tol=1e-6) for case in found)


@pytest.mark.django_db
def test_what_is_due_sooner_overtakes_a_larger_stake_by_the_half_life():
    """Half an hour sooner weighs like twice the stake (stakes count from 1 up)."""
    large = make_case(stake=Decimal(199), due_at=NOON + HOUR)
    sooner = make_case(stake=Decimal(99), due_at=NOON + 29 * MINUTE)
    later = make_case(stake=Decimal(99), due_at=NOON + 31 * MINUTE)

    assert list(heaviest([default_queue().id], Q(), now=NOON, limit=10)) == [sooner, large, later]


@pytest.mark.django_db
def test_another_half_life_puts_the_open_cases_into_its_order():
    large = make_case(stake=Decimal(199), due_at=NOON + HOUR)
    sooner = make_case(stake=Decimal(99), due_at=NOON + 20 * MINUTE)
    queue = default_queue()
    queue.half_life_minutes = 600

    queues.save_queue(queue)

    assert list(heaviest([queue.id], Q(), now=NOON, limit=10)) == [large, sooner]


@pytest.mark.django_db
def test_the_rank_follows_the_stake_by_itself():
    small, large = make_case(stake=Decimal(1)), make_case(stake=Decimal(50))

    Case.objects.filter(id=small.id).update(stake=Decimal(51))

    assert list(heaviest([default_queue().id], Q(), now=NOON, limit=10)) == [small, large]


@pytest.mark.django_db
def test_next_compares_cases_of_queues_with_different_half_lives_as_they_weigh_now():
    patient, urgent = make_queue("patient", half_life_minutes=600), make_queue("urgent", half_life_minutes=10)
    large = make_case(queue=patient, stake=Decimal(500), due_at=NOON + HOUR)
    small = make_case(queue=urgent, stake=Decimal(50), due_at=NOON + HOUR)

    assert claims.claim_next(analyst=make_user(), now=NOON) == large
    assert claims.claim_next(analyst=make_user(username="ann"), now=NOON + 2 * HOUR) == small


@pytest.mark.django_db
def test_next_hands_out_of_the_analysts_queues_alone():
    alice, bob = make_user(), make_user("lead")
    bobs, hers = make_queue("bobs", members=[bob]), make_queue("hers", members=[alice])
    make_case(queue=bobs, stake=Decimal(900))
    mine, everybodys = make_case(queue=hers, stake=Decimal(90)), make_case(stake=Decimal(9))

    handed = [claims.claim_next(analyst=alice, now=NOON) for _ in range(3)]

    assert handed == [mine, everybodys, None]


@pytest.mark.django_db
def test_next_of_one_queue_hands_out_that_ones():
    alice = make_user()
    queue = make_queue()
    make_case(stake=Decimal(900))
    case = make_case(queue=queue, stake=Decimal(1))

    assert claims.claim_next(analyst=alice, now=NOON, queue=queue) == case


@pytest.mark.django_db
def test_when_a_crowd_holds_every_candidate_the_rest_is_handed_out(monkeypatch):
    monkeypatch.setattr(claims, "_CANDIDATES", 1)
    alice = make_user()
    top, rest = make_case(stake=Decimal(9)), make_case(stake=Decimal(1))
    claims.skip(case=top, analyst=alice, reason="", now=NOON)
    claims.skip(case=rest, analyst=alice, reason="", now=NOON)

    assert claims.claim_next(analyst=alice, now=NOON) == top
    assert claims.claim_next(analyst=alice, now=NOON) == rest


@pytest.mark.django_db
def test_fifty_thousand_cases_are_not_read_to_find_the_heaviest():
    own, other = make_queue("own"), make_queue("other")
    _fill(own, 40_000)
    _fill(other, 10_000)
    top = heaviest([own.id, other.id], Q(claimed_by=None) | Q(claimed_until__lt=NOON), now=NOON, limit=100)

    plan = _plan(top[:100])

    assert "case_open_by_rank" in plan
    assert "Seq Scan on cases_case" not in plan
    assert _rows_read(plan) <= 1_000


_FILL = """
INSERT INTO cases_case (id, card_id, status, stake, currency, amount, score, top_reason, alert_count, opened_at, due_at,
  verdict, typology, queue_id)
SELECT gen_random_uuid(), %(slug)s || n, 'open', n * 7919 %% 100000 / 100.0, 'EUR', 1, 0.5, '', 1, %(now)s,
  %(now)s + n * interval '1 second', '', '', %(queue)s FROM generate_series(1, %(number)s) AS n
"""


def _fill(queue, number):
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"slug": queue.slug, "now": NOON, "queue": queue.id, "number": number})
        cursor.execute("ANALYZE cases_case")


def _plan(cases):
    return cases.explain(analyze=True)


def _rows_read(plan):
    """Of the table of cases, in all its places in the plan."""
    found = [
        re.search(r"actual time=\S+ rows=([\d.]+) loops=(\d+)", line)
        for line in plan.splitlines()
        if "on cases_case" in line
    ]
    return sum(float(one[1]) * int(one[2]) for one in found)
