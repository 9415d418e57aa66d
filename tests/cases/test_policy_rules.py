"""The table of rules and lists in force."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import Permission
from django.utils.timezone import now

from cases.models import RuleAlarm
from cases.services import figures
from scoring.models import ListEntry, NamedList
from scoring.services.policy import RuleDraft
from tests.factories import DAY, HOUR, make_decision, make_label, make_user
from tests.scoring.payments import publish

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = TODAY - DAY + 9 * HOUR
RULES = (
    RuleDraft("asks", "amount > 1", "review", "Asks", tags=["cards"], name="Much money"),
    RuleDraft("points", "amount > 2", "", "Points", points=20),
    RuleDraft("off", "amount > 3", "review", "Off", is_enabled=False),
)


@pytest.fixture
def url():
    return "/policy/rules/"


@pytest.fixture
def rows(as_mia, url):
    """Count what is recorded and look at the table; its rows by code."""

    def rows_of(address="", *, status=200):
        figures.refresh_figures(now=now())
        response = as_mia.get(url + address)
        assert response.status_code == status
        return {row.code: row for row in response.context["rows"]}

    return rows_of


def pay(at=YESTERDAY, **values):
    return make_decision(occurred_at=at, **{"score": 0.1, "policy_version": 1, **values})


def raise_alarm(code="asks", **values):
    given = {"kind": RuleAlarm.Kind.SPIKE, "opened_at": now(), "seen_at": now(), "words": "far above usual"}
    return RuleAlarm.objects.create(code=code, **given | values)


def text_of(response):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", response.content.decode())))


def may_see(user, *names):
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="scoring", codename__in=names))


def test_each_rule_is_told_with_what_it_met(rows):
    publish(*RULES)
    for number in range(20):
        make_label(pay(rule_hits=["asks", "points"]), "fraud" if number % 4 else "legitimate")
    pay(rule_hits=["points"], outcome="approve", at=YESTERDAY - 8 * DAY)
    pay(rule_hits=["points"], outcome="approve", at=YESTERDAY - 40 * DAY)
    pay(rule_failures=["asks"], at=YESTERDAY - 2 * DAY)

    found = rows()

    asks, points, off = found["asks"], found["points"], found["off"]
    assert (asks.hits, points.hits, off.hits) == ((20, 20, 20), (20, 21, 22), (0, 0, 0))
    assert (asks.precision.part, asks.precision.whole) == (15, 20)
    assert (asks.alone, points.alone, asks.failures) == (20, 0, 1)
    assert (asks.overlap_with, asks.overlap.value) == ("points", 1.0)
    assert (points.overlap_with, points.overlap.part, points.overlap.whole) == ("asks", 20, 21)
    assert (asks.last_hit_at, off.last_hit_at) == (YESTERDAY, None)
    assert (asks.state, off.state) == ("live", "off")
    assert asks.spark != ""


def test_the_window_is_what_was_asked_for(rows):
    publish(*RULES)
    pay(rule_hits=["asks"], at=YESTERDAY - 20 * DAY)

    assert rows("?days=7")["asks"].flagged == 0
    assert rows("?days=30")["asks"].flagged == 1


def test_payments_let_through_count_as_clean_once_their_labels_are_complete(rows, settings):
    settings.DASHBOARD_MATURE_DAYS = 10
    publish(*RULES)
    make_label(pay(rule_hits=["points"], outcome="approve", at=YESTERDAY - 12 * DAY))
    pay(rule_hits=["points"], outcome="approve", at=YESTERDAY - 12 * DAY)
    make_label(pay(rule_hits=["points"], outcome="approve", at=YESTERDAY))

    points = rows()["points"]

    assert (points.passed.part, points.passed.whole) == (1, 2)
    assert (points.mature.part, points.mature.whole) == (2, 3)


def test_money_is_stopped_in_one_currency_and_cost_is_that_of_a_flagged_hit(rows, settings):
    settings.FALSE_POSITIVE_COST, settings.DASHBOARD_CURRENCY = Decimal(15), "EUR"
    publish(*RULES)
    make_label(pay(rule_hits=["asks"], amount=Decimal(500)))
    make_label(pay(rule_hits=["asks"], amount=Decimal(300), currency="USD"))
    make_label(pay(rule_hits=["asks"], amount=Decimal(90)), "legitimate")

    assert (rows()["asks"].stopped, rows()["asks"].cost_per_hit) == (500, 5)
    assert rows("?currency=USD")["asks"].stopped == 300


def test_lists_that_do_something_stand_beside_the_rules(rows):
    publish(*RULES)
    pay(rule_hits=["block_list:card"], outcome="decline")

    found = rows()

    assert (found["block_list:card"].title, found["block_list:card"].effect) == ("block list: card", "decline")
    assert (found["allow_list:"].title, found["allow_list:"].hits[2]) == ("allow list", 0)


def test_snoozes_in_force_are_counted(rows, mia):
    publish(*RULES)
    named = NamedList.objects.create(name="snooze:asks", title="Silent for")
    for value, until in (("c-1", DAY), ("c-2", DAY), ("c-3", -DAY)):
        ListEntry.objects.create(list=named, entity="card", value=value, reason="x", expires_at=now() + until)

    assert rows()["asks"].snoozes == 2


@pytest.mark.parametrize(
    ("address", "codes"),
    [
        ("?tag=cards", {"asks"}),
        ("?owner=mia", {"points"}),
        ("?owner=nobody", set()),
        ("?state=off", {"off"}),
        ("?state=live", {"asks", "points"}),
        ("?state=list", {"allow_list:", "block_list:"}),
        ("?state=alarm", {"asks"}),
        ("?state=expiring", {"points"}),
        ("?state=quiet", {"points", "off", "allow_list:", "block_list:"}),
    ],
)
def test_the_table_shows_what_was_asked_for(rows, mia, address, codes):
    asks, points, off = RULES
    owned = RuleDraft(**{**vars(points), "owner": mia, "expires_at": now() + 3 * DAY})
    publish(asks, owned, off)
    pay(rule_hits=["asks"])
    raise_alarm()

    assert set(rows(address)) == codes


@pytest.mark.parametrize("sort", ["code", "hits_7", "precision", "alone", "overlap", "last", "cost", "expiry", "tags"])
def test_each_column_can_order_the_table(rows, sort):
    publish(*RULES)
    for _ in range(3):
        pay(rule_hits=["points", "asks"])
    pay(rule_hits=["points"], at=YESTERDAY + HOUR)

    codes = [code for code in rows(f"?sort={sort}") if not code.endswith(":")]

    first = {"hits_7": "points", "last": "points", "alone": "points"}.get(
        sort, "asks" if sort != "precision" else "asks"
    )
    assert codes[0] == first
    assert len(codes) == 3


@pytest.mark.parametrize("address", ["?days=8", "?sort=x", "?state=y", "?currency=eur", "?tag=%00", f"?tag={'x' * 40}"])
def test_what_cannot_be_read_is_named_and_all_is_shown(as_mia, rows, url, address):
    publish(*RULES)

    assert {"asks", "points", "off"} < set(rows(address, status=422))
    name = address[1:].partition("=")[0]
    assert f"{name}:" in text_of(as_mia.get(url + address))


def test_many_rules_are_shown_by_pages(as_mia, url):
    publish(*(RuleDraft(f"r{number:03}", "amount > 1", "review", "x") for number in range(60)))

    first, second = (as_mia.get(url, {"sort": "code", "page": page}).context["rows"] for page in (1, 2))

    assert (len(first), len(second)) == (50, 12)
    assert as_mia.get(url, {"page": "x"}).context["rows"].number == 1
    assert as_mia.get(url, {"page": "99"}).context["rows"].number == 2


def test_hostile_names_are_text(as_mia, url):
    publish(RuleDraft("r", "amount > 1", "review", "x", name="<script>alert(1)</script>"))

    assert b"<script>alert" not in as_mia.get(url).content


def test_without_a_policy_the_page_says_so(as_mia, url):
    assert "No version is published yet" in text_of(as_mia.get(url))


def test_only_who_may_see_policies_sees_rules_and_their_alarms(client, url, alice, aude, mallory):
    raise_alarm()
    for user, status in ((alice, 403), (mallory, 403), (aude, 200)):
        client.force_login(user)
        assert client.get(url).status_code == status
        assert client.get(f"{url}asks/").status_code in (status, 404)
    client.force_login(alice)
    assert "Policy" not in text_of(client.get("/queue/"))
    client.logout()
    assert client.get(url).status_code == 302


def test_the_top_bar_counts_alarms_that_nobody_looks_after(as_mia, mia):
    raise_alarm()
    raise_alarm("points", acknowledged_by=mia, acknowledged_at=now())
    raise_alarm("off", closed_at=now() + HOUR)

    assert "Policy 1 alarm " in text_of(as_mia.get("/queue/"))


def test_who_changes_policies_looks_after_an_alarm(as_mia, mia, url):
    may_see(mia, "change_policy")
    publish(*RULES)
    alarm = raise_alarm()
    assert "I look after it" in text_of(as_mia.get(url))

    response = as_mia.post(f"/policy/alarms/{alarm.id}/acknowledge/", {"on": "rule"}, follow=True)

    assert response.redirect_chain == [("/policy/rules/asks/", 302)]
    assert "looks after it since" in text_of(response)
    alarm.refresh_from_db()
    assert alarm.acknowledged_by == mia
    again = as_mia.post(f"/policy/alarms/{alarm.id}/acknowledge/", follow=True)
    assert "Somebody looks after it already" in text_of(again)


def test_an_alarm_of_a_list_leads_back_to_the_table(as_mia, mia):
    may_see(mia, "change_policy")
    alarm = raise_alarm("block_list:card")

    assert as_mia.post(f"/policy/alarms/{alarm.id}/acknowledge/", {"on": "rule"}).url == "/policy/rules/"


def test_who_may_only_look_acknowledges_nothing(client, aude, url):
    publish(*RULES)
    alarm = raise_alarm()
    client.force_login(aude)

    assert "I look after it" not in text_of(client.get(url))
    assert client.post(f"/policy/alarms/{alarm.id}/acknowledge/").status_code == 403
    assert client.get(f"/policy/alarms/{alarm.id}/acknowledge/").status_code == 405
    alarm.refresh_from_db()
    assert alarm.acknowledged_at is None


def test_an_alarm_that_is_not_there_is_not_found(as_mia, mia):
    may_see(mia, "change_policy")

    assert as_mia.post("/policy/alarms/99999/acknowledge/").status_code == 404
    assert as_mia.post(f"/policy/alarms/{10**30}/acknowledge/").status_code == 404


@pytest.mark.django_db
def test_more_rules_take_as_many_queries(client, url, django_assert_max_num_queries, django_assert_num_queries):
    client.force_login(make_user("manager", username="max"))
    publish(*RULES)
    pay(rule_hits=["asks"])
    figures.refresh_figures(now=now())
    client.get(url)
    with django_assert_max_num_queries(20) as few:
        client.get(url)
    publish(*RULES, *(RuleDraft(f"r{n}", "amount > 1", "review", "x") for n in range(20)), based_on=1)
    for number in range(20):
        pay(rule_hits=[f"r{number}", "asks"], at=YESTERDAY - timedelta(hours=number))
        raise_alarm(f"r{number}")
    figures.refresh_figures(now=now())

    with django_assert_num_queries(len(few)):
        client.get(url)
