"""The dashboard's page: who may see it, what it says of a small world worked out by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from cases.models import BacklogFigures, RuleFigures
from cases.services import claims, figures
from tests.cases.dashboard_world import TODAY, YESTERDAY, decide, pay, said, tiles_of
from tests.factories import DAY, HOUR, MINUTE, make_case, make_label, make_user

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.mark.parametrize(("role", "status"), [("lead", 200), ("manager", 200), ("auditor", 200), ("analyst", 403)])
def test_leads_managers_and_auditors_see_it(client, db, role, status):
    client.force_login(make_user(role))

    assert client.get("/dashboard/").status_code == status
    assert (b'href="/dashboard/"' in client.get("/queue/").content) == (status == 200)


def test_nobody_else_sees_it(client, mallory):
    assert client.get("/dashboard/").status_code == 302
    client.force_login(mallory)
    assert client.get("/dashboard/").status_code == 403


def test_it_is_only_read(client, mia):
    client.force_login(mia)

    assert client.post("/dashboard/").status_code == 405


def test_case_work_of_a_small_world(look, alice, bob):
    for analyst, verdict, minutes in ((alice, "fraud", 4), (alice, "legitimate", 4), (bob, "fraud", 90)):
        case = make_case(opened_at=YESTERDAY, due_at=YESTERDAY + HOUR)
        claims.claim(case=case, analyst=analyst, now=YESTERDAY + 2 * MINUTE)
        decide(case, analyst, YESTERDAY + minutes * MINUTE, verdict)
    skipped = make_case(opened_at=YESTERDAY, due_at=YESTERDAY)
    claims.claim(case=skipped, analyst=bob, now=YESTERDAY)
    claims.skip(case=skipped, analyst=bob, reason="", now=YESTERDAY + MINUTE)

    response = look()
    tiles, people = tiles_of(response), response.context["page"].people

    assert (tiles["Open now"].value, tiles["Open now"].note) == ("1", "1 overdue, 0 due within 10 min")
    assert (tiles["Decided in time"].value, tiles["Decided in time"].note) == ("67%", "2 of 3 cases")
    assert tiles["First look"].note == "median of 3 cases"
    assert [(person.work.analyst, person.work.verdicts) for person in people] == [(alice, 2), (bob, 1)]
    assert [person.fraud_share for person in people] == ["50%", "100%"]
    assert [person.skip_share for person in people] == ["0%", "50%"]
    assert tiles["Verdict"].delta.text == "too few cases in the 7 days before to compare"
    assert [(age.words, age.cases) for age in response.context["page"].ages if age.cases] != []


def test_currencies_are_never_added(look):
    for _ in range(3):
        make_label(pay(outcome="decline", currency="USD", amount=Decimal(1000)))
    make_label(pay(outcome="decline", currency="EUR", amount=Decimal(70)))

    euro, dollar = tiles_of(look()), tiles_of(look("?currency=USD"))

    assert (euro["Stopped"].value, euro["Stopped"].unit) == ("70.00", "EUR")
    assert (dollar["Stopped"].value, dollar["Stopped"].unit) == ("3,000", "USD")
    assert dollar["Review cost"].unit == "EUR"
    assert 'href="?currency=USD"' in look().content.decode()


def test_without_payments_in_the_main_currency_the_busiest_is_shown(look):
    pay(currency="USD")
    pay(currency="SEK")
    pay(currency="SEK")

    assert look().context["found"].payments.currency == "SEK"


def test_days_are_utc_days(look):
    pay(at=TODAY - timedelta(microseconds=1))
    pay(at=TODAY - DAY)
    pay(at=TODAY - DAY - timedelta(microseconds=1))
    day = f"{TODAY - DAY:%Y-%m-%d}"

    response = look(f"?since={day}&until={day}")

    assert tiles_of(response)["Payments"].value == "2"
    assert len(response.context["page"].money_charts[0].picture.columns) == 24


@pytest.mark.parametrize(("days", "columns"), [(1, 24), (2, 48), (7, 7), (30, 30), (90, 90), (120, 18)])
def test_each_span_is_drawn_by_what_it_has_room_for(look, days, columns):
    pay()

    response = look(f"?days={days}")

    assert len(response.context["page"].money_charts[0].picture.columns) == columns


def test_a_week_before_is_compared_with(look):
    old = YESTERDAY - 7 * DAY
    make_label(pay(at=old, outcome="decline", amount=Decimal(100)))
    make_label(pay(outcome="decline", amount=Decimal(150)))
    make_label(pay(at=old, amount=Decimal(10)))
    for _ in range(2):
        make_label(pay(amount=Decimal(20)))

    tiles = tiles_of(look())

    stopped, missed = tiles["Stopped"].delta, tiles["Missed"].delta
    assert (stopped.text[:27], stopped.css, stopped.arrow) == ("50% more than the 7 days be", "good", "up")
    assert stopped.text.endswith(", better")
    assert missed.text == "4.0 times the 7 days before, whose labels had longer to come"
    assert missed.css == "plain"
    assert tiles["Recall"].delta.text == "too few labels to compare"


def test_what_was_missed_is_judged_once_the_labels_are_in(look):
    make_label(pay(at=TODAY - 47 * DAY, amount=Decimal(10)))
    make_label(pay(at=TODAY - 40 * DAY, amount=Decimal(40)))

    response = look(f"?since={TODAY - 43 * DAY:%Y-%m-%d}&until={TODAY - 37 * DAY:%Y-%m-%d}")

    missed = tiles_of(response)["Missed"]
    assert (missed.delta.text, missed.delta.css) == ("4.0 times the 7 days before, worse", "bad")
    assert missed.note == "1 payment; labels complete for all of 7 days"


def test_the_time_before_is_cut_where_today_is(look):
    span = look("?days=1").context["found"].span

    assert span.before_until == span.comparable_until - DAY
    assert span.comparable_until <= span.now


def test_hostile_names_are_text(look, alice):
    type(alice).objects.filter(id=alice.id).update(first_name=HOSTILE)
    make_label(pay(outcome="review", rule_hits=[HOSTILE], model_version=HOSTILE))
    pay(at=YESTERDAY - 2 * DAY)
    case = make_case()
    claims.claim(case=case, analyst=alice, now=YESTERDAY)
    decide(case, alice, YESTERDAY + MINUTE)

    text = look().content.decode()

    assert HOSTILE not in text
    assert text.count("&lt;img src=x") >= 3


@pytest.mark.parametrize(
    "address",
    [
        "?days=0", "?days=x", "?days=9999999999", "?since=2026-02-30", "?since=2026-11-02&until=2026-11-01",
        "?until=2999-01-01", "?since=1999-01-01", "?currency=euro", "?currency=%00", "?sort=amount",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_and_the_week_is_shown(look, address):
    response = look(address, status=422)

    assert 'role="alert"' in response.content.decode()
    assert response.context["found"].span.days == 7


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("?until=0001-01-03", "To: choose a day from 1 Jan 2000 on."),
        ("?until=9999-12-31", "To: choose a day up to tomorrow."),
        ("?since=0001-01-01&until=0001-01-02", "From: choose a day from 1 Jan 2000 on."),
        ("?since=2026-02-30", "From: enter a valid date."),
    ],
)
def test_a_day_that_cannot_be_shown_is_named(look, address, problem):
    assert problem in said(look(address, status=422))


def test_the_first_day_there_is_can_be_shown(look):
    assert look("?since=2000-01-01&until=2000-01-01").context["found"].span.days == 1


def test_before_the_first_count_the_page_says_so(client, mia):
    client.force_login(mia)

    assert "Nothing is counted yet" in said(client.get("/dashboard/"))


def test_figures_that_nobody_makes_any_more_are_not_taken_for_fresh(look, client):
    look()
    BacklogFigures.objects.update(taken_at=now() - HOUR)

    assert "the task that counts does not run" in said(client.get("/dashboard/"))


def test_the_days_of_a_link_are_the_days_of_the_page(look):
    span = look("?since=2026-01-01&until=2026-01-31").context["found"].span

    assert (span.first, span.last, span.title) == (date(2026, 1, 1), date(2026, 1, 31), "1 Jan 2026 to 31 Jan 2026")
    assert span.before_words == "the 31 days before"


def test_the_numbers_of_a_chart_are_a_table_too(look):
    make_label(pay(outcome="decline", amount=Decimal("1234")))

    text = said(look())

    assert f"{YESTERDAY:%a} {YESTERDAY:%-d %b} 1,234 0.00 0.00" in text


def test_the_number_of_queries_is_fixed(look, client, alice, django_assert_max_num_queries, django_assert_num_queries):
    def grow(number):
        make_label(pay(at=YESTERDAY - number * DAY, outcome="review", rule_hits=[f"r{number}"], currency=f"AA{number}"))
        person = make_user(username=f"analyst-{number}")
        case = make_case(opened_at=YESTERDAY)
        claims.claim(case=case, analyst=person, now=YESTERDAY)
        decide(case, person, YESTERDAY + MINUTE)

    grow(1)
    look()
    with django_assert_max_num_queries(20) as few:
        client.get("/dashboard/")
    for number in range(2, 6):
        grow(number)
    figures.refresh_figures(now=now())

    with django_assert_num_queries(len(few)):
        client.get("/dashboard/?days=30")
    assert RuleFigures.objects.count() == 5


def test_it_leads_to_the_quality_of_review_of_the_same_days(look, client, bob):
    client.force_login(bob)

    text = client.get("/dashboard/?since=2026-02-01&until=2026-02-07").content.decode()

    assert "/quality/?since=2026-02-01&amp;until=2026-02-07" in text
