"""One rule through its versions."""

import pytest
from django.utils.timezone import now

from cases.models import RuleAlarm
from cases.services import figures
from scoring.models import ListEntry, NamedList
from scoring.services.policy import RuleDraft
from tests.cases.test_policy_rules import YESTERDAY, may_see, pay, raise_alarm, text_of
from tests.factories import DAY, HOUR, make_case, make_label, make_queue
from tests.scoring.payments import publish

FIRST = RuleDraft("r", "amount > 100", "review", "Much")
SECOND = RuleDraft("r", "amount > 50", "review", "Much", tags=["cards"])
OTHER = RuleDraft("other", "amount > 1", "review", "x")


@pytest.fixture
def look(as_mia):
    def look_at(code="r"):
        figures.refresh_figures(now=now())
        return as_mia.get(f"/policy/rules/{code}/")

    return look_at


def test_its_versions_are_told_where_it_changed(look):
    publish(FIRST)
    publish(FIRST, OTHER, based_on=1)
    publish(SECOND, based_on=2)

    found = look().context["found"]

    told = [(one.rule.policy.version, one.rule.expression, one.changed) for one in found.versions]
    assert told == [(3, "amount > 50", ["condition", "tags"]), (1, "amount > 100", [])]
    assert (found.is_live, found.rule.expression) == (True, "amount > 50")


def test_a_rule_that_was_taken_out_is_still_told_of(look):
    publish(FIRST)
    publish(OTHER, based_on=1)

    response = look()

    assert response.context["found"].is_live is False
    assert "not in the version in force; last in 1" in text_of(response)


@pytest.mark.django_db
def test_an_unknown_rule_is_not_found(look):
    assert look("nobody").status_code == 404
    assert look("x" * 300).status_code == 404


def test_hits_are_drawn_by_day_with_their_labels(look):
    publish(FIRST)
    make_label(pay(rule_hits=["r"]))
    make_label(pay(rule_hits=["r"]), "legitimate")
    pay(rule_hits=["r"])
    pay(rule_hits=["r"], outcome="approve")

    found = look().context["found"]

    day = found.days[-2]
    assert (day.frauds, day.legitimate, day.open, day.passed) == (1, 1, 1, 1)
    assert found.chart.picture.words == "4 hits in 90 days, 1 labelled fraud, 1 legitimate"


def test_the_last_hits_lead_to_their_cases(look):
    publish(FIRST)
    case = make_case(decisions=[pay(rule_hits=["r"], transaction_id="t-case")])
    pay(rule_hits=["r"], outcome="approve", transaction_id="t-passed", at=YESTERDAY + HOUR)
    pay(rule_hits=["other"], transaction_id="t-other")

    response = look()

    assert [one.transaction_id for one in response.context["found"].examples] == ["t-passed", "t-case"]
    assert case.get_absolute_url() in response.content.decode()


def test_cases_of_queues_that_the_user_does_not_see_are_not_linked(client, alice, bob):
    publish(FIRST)
    may_see(alice, "view_policy")
    case = make_case(decisions=[pay(rule_hits=["r"])], queue=make_queue(members=[bob]))
    figures.refresh_figures(now=now())
    client.force_login(alice)

    response = client.get("/policy/rules/r/")

    assert len(response.context["found"].examples) == 1
    assert str(case.id) not in response.content.decode()


def test_the_last_hits_are_few_and_the_newest(look):
    publish(FIRST)
    for number in range(30):
        pay(rule_hits=["r"], transaction_id=f"t-{number:02}", at=YESTERDAY - number * 7 * HOUR)

    found = look().context["found"]

    assert [one.transaction_id for one in found.examples] == [f"t-{number:02}" for number in range(12)]


def test_overlap_snoozes_and_alarms_are_told(look, mia):
    publish(FIRST, OTHER)
    pay(rule_hits=["r", "other", "block_list:card"])
    pay(rule_hits=["r"])
    named = NamedList.objects.create(name="snooze:r", title="Silent for")
    for value, until in (("m-quiet", DAY), ("m-again", -DAY)):
        ListEntry.objects.create(
            list=named, entity="merchant", value=value, reason="tests", expires_at=now() + until, author=mia
        )
    raise_alarm("r", words="far too many", closed_at=now() + HOUR)
    raise_alarm("other", kind=RuleAlarm.Kind.FAILING)

    response = look()

    found, text = response.context["found"], text_of(response)
    assert [(one.title, one.share.part, one.share.whole) for one in found.overlaps] == [
        ("block list: card", 1, 2),
        ("other", 1, 2),
    ]
    assert "m-quiet" in text
    assert "m-again" not in text
    assert [alarm.words for alarm in found.alarms] == ["far too many"]


def test_more_hits_and_versions_take_as_many_queries(
    look, client, django_assert_max_num_queries, django_assert_num_queries
):
    publish(FIRST)
    pay(rule_hits=["r"])
    look()
    with django_assert_max_num_queries(18) as few:
        client.get("/policy/rules/r/")
    for version in range(1, 6):
        publish(SECOND if version % 2 else FIRST, OTHER, based_on=version)
    for number in range(15):
        pay(rule_hits=["r", "other"], at=YESTERDAY - number * HOUR)
    figures.refresh_figures(now=now())

    with django_assert_num_queries(len(few)):
        client.get("/policy/rules/r/")
