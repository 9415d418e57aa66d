"""The list of cases by REST: which, in what order, page by page."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from cases.models import Case
from cases.services import claims, tags
from cases.services.review_settings import change_settings
from tests.cases.case_calls import CASES, all_pages, listed
from tests.cases.reviewing import THEN, decided_case
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_decision, make_queue, make_user
from tests.scoring.api_calls import fields_named


def queued(card_id, **overrides):
    return make_case(card_id=card_id, **overrides)


def test_open_cases_come_in_the_order_of_the_work(program):
    queued("small", stake=10)
    queued("large", stake=1000)
    queued("pressing", stake=100, due_at=NOON - 10 * HOUR)

    assert listed(program) == ["pressing", "large", "small"]


def test_pages_hold_each_case_once_over_queues_of_different_urgency(program, alice):
    slow = make_queue("slow", half_life_minutes=600)
    for number in range(7):
        queued(f"a{number}", stake=10 * number)
        queued(f"b{number}", stake=10 * number, queue=slow)
        # Those that weigh the same and were opened together differ by their ids alone.
        queued(f"c{number}", stake=50)

    whole = listed(program, "limit=100")

    pages = all_pages(program, "limit=4")
    assert [len(page) for page in pages] == [4, 4, 4, 4, 4, 1]
    assert sum(pages, []) == whole
    assert len(set(whole)) == 21


def test_a_case_that_is_decided_between_two_pages_shifts_none(program, alice):
    for number in range(6):
        queued(f"k{number}", stake=100 - number)
    first = program.get(f"{CASES}?limit=3").json()
    Case.objects.filter(card_id__in=["k0", "k2"]).update(status="decided", verdict="fraud", decided_at=now())

    second = program.get(first["next"]).json()

    assert [case["card_id"] for case in second["cases"]] == ["k3", "k4", "k5"]
    assert second["next"] is None


@pytest.mark.parametrize("limit", ["1", "2", "3", "100"])
def test_decided_cases_come_last_decided_first(program, alice, limit):
    for number in range(3):
        decided_case(alice, decided_at=NOON + number * MINUTE, card_id=f"d{number}")
    queued("open")

    assert sum(all_pages(program, f"status=decided&limit={limit}"), []) == ["d2", "d1", "d0"]


def test_what_waits_for_approval_comes_due_first(program):
    for number in (2, 0, 1):
        queued(f"w{number}", status="approval", due_at=NOON + number * HOUR)

    assert all_pages(program, "status=approval&limit=2") == [["w0", "w1"], ["w2"]]


def test_all_cases_of_a_card_are_found_the_newest_first(program, alice):
    decided_case(alice, decisions=[make_decision(card_id="k")], decided_at=NOON)
    make_case(decisions=[make_decision(card_id="k")], opened_at=NOON + HOUR)
    queued("other")

    answer = program.get(f"{CASES}?status=any&card=k").json()

    assert [case["status"] for case in answer["cases"]] == ["open", "decided"]


def test_all_cases_there_were_are_too_many(program):
    assert fields_named(program.get(f"{CASES}?status=any")) == {"card"}


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ("queue=slow", ["slow"]), ("card=plain", ["plain"]), ("tag=ring-7", ["tagged"]), ("claimed=mine", ["mine"]),
        ("claimed=taken", ["hers", "mine"]), ("status=snoozed", ["asleep"]), ("currency=SEK", ["sek"]),
        ("amount_from=2000", ["big"]), ("amount_to=5", ["tiny"]), ("channel=atm", ["atm"]), ("country=NO", ["norway"]),
        ("opened_since=2026-11-20T12:00:01Z", ["late"]), ("opened_before=2026-11-20T12:00:00%2B00:00", ["early"]),
        ("due_before=2026-11-20T12:30:00Z", ["due"]), ("currency=SEK&card=plain", []),
    ],
)  # fmt: skip
def test_the_list_is_narrowed(program, alice, parameters, found):
    queued("plain")
    queued("slow", queue=make_queue("slow"))
    tags.add_tags(case=queued("tagged"), names=["ring-7"], author=alice, now=now())
    claims.claim(case=queued("mine"), analyst=alice, now=now())
    claims.claim(case=queued("hers"), analyst=make_user(username="nina"), now=now())
    queued("asleep", snoozed_until=now() + DAY)
    queued("sek", currency="SEK")
    queued("big", amount="2000")
    queued("tiny", amount="4.99")
    queued("atm", channel="atm")
    queued("norway", country="NO")
    queued("late", opened_at=NOON + MINUTE)
    queued("early", opened_at=NOON - MINUTE)
    queued("due", due_at=NOON)

    assert sorted(listed(program, parameters)) == found


WRONG = [
    ("state=open", "state"), ("status=closed", "status"), ("status=merged", "status"), ("limit=0", "limit"),
    ("limit=101", "limit"), ("limit=x", "limit"), ("limit=10&limit=20", "limit"), ("queue=nowhere", "queue"),
    ("queue=", "queue"), ("card=", "card"), ("card=%00", "card"), (f"card={'x' * 65}", "card"),
    ("claimed=me", "claimed"), ("opened_since=today", "opened_since"), ("amount_from=-1", "amount_from"),
    ("opened_since=2026-11-20T12:00:00", "opened_since"), ("amount_to=1e99999", "amount_to"),
    ("amount_to=NaN", "amount_to"), ("currency=eur", "currency"), ("country=Norway", "country"),
    ("cursor=x", "cursor"), ("cursor=%00", "cursor"), ("cursor=%C3%A5", "cursor"),
    (f"cursor={'A' * 499}", "cursor"),
    ("limit=" + "9" * 5000, "limit"), ("tag=%F0%9F%8F%B4" * 20, "tag"),
]  # fmt: skip


def test_what_cannot_be_asked_is_named(program, case):
    found = [fields_named(program.get(f"{CASES}?{parameters}")) for parameters, _ in WRONG]

    assert found == [{field} for _, field in WRONG]


def test_a_queue_one_is_no_member_of_cannot_be_asked_for(program):
    queued("theirs", queue=make_queue("theirs", members=[make_user(username="nina")]))

    assert fields_named(program.get(f"{CASES}?queue=theirs")) == {"queue"}
    assert listed(program) == []


def test_a_cursor_of_another_list_is_refused(program, alice):
    for number in range(3):
        queued(f"k{number}")
    cursor = program.get(f"{CASES}?limit=1").json()["next"].split("cursor=")[1]

    assert fields_named(program.get(f"{CASES}?status=decided&cursor={cursor}")) == {"cursor"}


def test_a_cursor_that_was_changed_is_refused(program):
    for number in range(3):
        queued(f"k{number}")
    address = program.get(f"{CASES}?limit=1").json()["next"]

    assert fields_named(program.get(f"{address[:-6]}AAAAAA")) == {"cursor"}


def test_the_next_page_keeps_what_was_asked(program):
    for number in range(3):
        queued(f"k{number}", currency="SEK")
    queued("euro")

    assert sorted(sum(all_pages(program, "limit=1&currency=SEK"), [])) == ["k0", "k1", "k2"]


def test_who_sees_data_first_finds_no_score_in_the_list(program, alice):
    change_settings(values={}, displays={alice.id: "always"})
    queued("k")

    (case,) = program.get(CASES).json()["cases"]

    assert case["is_score_hidden"] is True
    assert (case["score"], case["stake"], case["top_reason"]) == (None, None, None)
    assert case["amount"] == "1249.00"


def test_who_is_shown_the_score_finds_it(program):
    queued("k")

    (case,) = program.get(CASES).json()["cases"]

    assert (case["score"], case["stake"], case["is_score_hidden"]) == (0.95, "1186.55", False)


@pytest.mark.parametrize("parameters", ["limit=100", "status=decided", "status=any&card=k"])
def test_twice_the_cases_take_as_many_queries(
    program, alice, parameters, django_assert_max_num_queries, django_assert_num_queries, keys_in_memory
):
    def more(number):
        tags.add_tags(case=queued(f"open{number}"), names=["ring"], author=alice, now=now())
        decided_case(alice, decided_at=THEN + number * MINUTE, card_id="k")

    more(1)
    address = f"{CASES}?{parameters}"
    with django_assert_max_num_queries(9) as few:
        assert len(program.get(address).json()["cases"]) == 1
    more(2)

    with django_assert_num_queries(len(few)):
        assert len(program.get(address).json()["cases"]) == 2


def test_a_page_looks_no_case_up_as_seen(program, case):
    program.get(CASES)

    assert not case.events.filter(kind="viewed").exists()


def test_snoozed_cases_wake_into_the_list(program):
    queued("k", snoozed_until=now() + timedelta(hours=1))
    assert listed(program) == []

    Case.objects.update(snoozed_until=now() - timedelta(seconds=1))

    assert listed(program) == ["k"]
