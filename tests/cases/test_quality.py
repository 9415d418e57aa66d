"""The pages about the quality of review, settling and settings."""

import pytest
from django.utils.timezone import now

from cases.agreement import Share, Times
from cases.models import Check, Reviewer
from cases.quality import FirstVerdicts, Reviews, summarise
from cases.queries.quality import Period, own_quality_in, quality_in
from cases.services import checks, known_cases, settling
from cases.services.review_settings import change_settings, current_settings
from tests.cases.reviewing import decided_case, review_everything
from tests.factories import DAY, HOUR, NOON, make_label, make_user

PERIOD = Period(NOON - DAY, NOON + DAY)


def review(case, analyst, verdict, *, at=NOON + HOUR, **others):
    """Somebody's review of the case, whoever was to get it."""
    Check.objects.filter(case=case).update(analyst=analyst, taken_at=at, taken_until=at, **others)
    check = Check.objects.select_related("analyst").get(case=case)
    checks.record(check, reviewer=check.analyst, verdict=verdict, typology="", note="as I see it", decided_at=at)
    check.refresh_from_db()
    return check


def first(analyst=1, verdict="fraud", number=10, *, typology="", variant="", **others):
    found = {"truth": "", "is_corrected": False, "times": Times()}
    return FirstVerdicts(analyst, typology, verdict, variant, number=number, **found | others)


def reviews(expected, verdict, number, *, kind="second", one=1, other=2, variant=""):
    return Reviews(kind, one, other, expected, verdict, variant, number)


def test_numbers_add_up_by_analyst_kind_and_what_was_shown():
    firsts = [
        first(1, "fraud", 6, typology="card_testing", variant="data_first", is_corrected=True),
        first(1, "fraud", 3, typology="card_testing", variant="data_first", truth="fraud"),
        first(1, "fraud", 1, typology="card_testing", variant="data_first", truth="legitimate", is_corrected=True),
        first(1, "legitimate", 5, variant="score_first", times=Times.of(10, 40)),
        first(2, "inconclusive", 7, truth="fraud"),
    ]
    told = [
        reviews("fraud", "fraud", 6),
        reviews("fraud", "legitimate", 2),
        reviews("legitimate", "legitimate", 3, one=2, other=1),
        reviews("fraud", "fraud", 4, kind="known", one=2, other=1, variant="data_first"),
        reviews("legitimate", "fraud", 1, kind="known", one=2, other=1, variant="data_first"),
    ]

    summary = summarise(firsts, told, names={1: "Alice", 2: "Bob"})

    assert (summary.total.verdicts, summary.total.overturn) == (22, Share(7, 15))
    assert (summary.total.agreement, summary.total.known) == (Share(9, 11), Share(4, 5))
    assert summary.total.times.typical == pytest.approx(20)
    alice, bob = summary.by_analyst
    assert (alice.name, alice.verdicts, alice.agreement, alice.known) == ("Alice", 15, Share(6, 8), Share(4, 5))
    assert (bob.name, bob.verdicts, bob.agreement, bob.known) == ("Bob", 7, Share(3, 3), Share(0, 0))
    assert [(row.name, row.verdicts) for row in summary.by_typology] == [
        ("Fraud, card testing", 10),
        ("Inconclusive", 7),
        ("Legitimate", 5),
    ]
    assert [(row.name, row.accuracy, row.known) for row in summary.by_variant] == [
        ("Score from the start", Share(0, 0), Share(0, 0)),
        ("Score after the verdict", Share(3, 4), Share(4, 5)),
    ]
    assert [row.numbers for row in summary.pairs] == [(6, 2, 0), (0, 3, 0), (0, 0, 0)]
    # 9 of 11 agree; by chance (8*6 + 3*5) / 121; kappa (9/11 - 63/121) / (1 - 63/121) = 36/58.
    assert summary.kappa is not None
    assert summary.kappa.value == pytest.approx(36 / 58)


def test_what_was_decided_is_counted_from_the_tables(alice, bob):
    review_everything(known_rate=0.0)
    agreed, differed, overturned, corrected = (decided_case(alice) for _ in range(4))
    decided_case(bob, verdict="inconclusive")
    decided_case(bob, decided_at=NOON - 3 * DAY)
    make_label(overturned.alerts.get().decision, "legitimate", source="customer", known_at=NOON + HOUR)
    make_label(agreed.alerts.get().decision, known_at=NOON + HOUR)
    make_label(corrected.alerts.get().decision, "legitimate", source="analyst", known_at=NOON + HOUR)
    known_cases.collect_truths(now=NOON + DAY)
    review(agreed, bob, "fraud")
    review(differed, bob, "legitimate")

    quality = quality_in(PERIOD, now=NOON + DAY)

    row = quality.summary.total
    assert (row.verdicts, row.overturn, row.accuracy) == (5, Share(2, 4), Share(1, 2))
    assert (row.agreement, row.times.number) == (Share(1, 2), 5)
    assert row.times.typical == pytest.approx(60)
    assert [check.case for check in quality.disagreements] == [differed]
    assert (quality.coming_up.second, quality.coming_up.known, quality.coming_up.in_work) == (4, 0, 0)
    assert [row.name for row in quality.summary.by_analyst] == ["Alice", "Bob"]


def test_the_first_verdict_of_a_day_belongs_to_it_and_the_one_at_its_end_does_not(alice):
    decided_case(alice, decided_at=PERIOD.since)
    decided_case(alice, decided_at=PERIOD.until)

    assert quality_in(PERIOD, now=NOON).summary.total.verdicts == 1


def test_one_sees_of_oneself_no_second_review_and_known_cases_only_where_told(alice, bob, mia):
    review_everything()
    review(decided_case(bob), alice, "legitimate")
    case = decided_case(bob, verdict="legitimate")
    Check.objects.filter(case=case).delete()
    known_cases.mark(case=case, truth="legitimate", reason="x", actor=mia, now=NOON)
    review(case, alice, "legitimate")
    decided_case(alice)

    own = own_quality_in(PERIOD, user=alice).total
    assert (own.verdicts, own.agreement, own.known) == (1, Share(0, 0), Share(1, 1))

    change_settings(values={"tells_known": False}, displays={})
    assert own_quality_in(PERIOD, user=alice).total.known == Share(0, 0)


ROLES = {"analyst": "alice", "lead": "bob", "manager": "mia", "auditor": "aude", None: "mallory"}


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("/quality/", {"lead", "manager", "auditor"}),
        ("/quality/mine/", {"analyst", "lead"}),
        ("/quality/settings/", {"lead", "manager"}),
    ],
)
def test_who_may_see_what(client, db, address, allowed):
    for role in ROLES:
        client.force_login(make_user(role))
        assert client.get(address).status_code == (200 if role in allowed else 403), role

    client.logout()
    assert client.get(address).status_code == 302


@pytest.mark.parametrize(
    ("role", "status"), [("analyst", 403), ("lead", 302), ("manager", 302), ("auditor", 403), (None, 403)]
)
def test_who_may_settle_and_set(client, alice, role, status):
    review_everything()
    check = review(decided_case(alice), make_user(username="nina"), "legitimate")
    client.force_login(make_user(role, username="somebody"))

    assert (
        client.post(f"/quality/reviews/{check.id}/settle/", {"verdict": "fraud", "reason": "x"}).status_code == status
    )
    assert client.post("/quality/settings/", settings_form()).status_code == status


def settings_form(**changes):
    return {
        "display": "random", "data_first_share": "50", "second_share": "7.5", "second_rate": "10", "known_rate": "2",
        **changes,
    }  # fmt: skip


def test_the_wrong_method_is_refused(as_mia, alice):
    review_everything()
    check = review(decided_case(alice), make_user(username="nina"), "legitimate")

    assert as_mia.post("/quality/").status_code == 405
    assert as_mia.post("/quality/mine/").status_code == 405
    assert as_mia.get(f"/quality/reviews/{check.id}/settle/").status_code == 405
    assert as_mia.post("/quality/reviews/987654/settle/").status_code == 404


def test_few_numbers_say_so_and_many_have_an_interval(as_mia, alice, bob):
    review_everything()
    for case in [decided_case(alice, decided_at=now() - HOUR) for _ in range(3)]:
        review(case, bob, "fraud", at=now())
    text = as_mia.get("/quality/").content.decode()
    assert "3 of 3</span>" in text
    assert "too few to tell" in text
    assert "%</b>" not in text

    for number in range(20):
        verdict = "legitimate" if number % 4 == 0 else "fraud"
        review(decided_case(alice, verdict=verdict, decided_at=now() - HOUR), bob, "fraud", at=now())
    text = as_mia.get("/quality/").content.decode()
    # 18 of 23.
    assert "<b>78%</b>" in text
    assert "58% – 90%, of 23" in text


def test_disagreements_are_listed_with_what_both_said_as_text(as_mia, alice, bob):
    review_everything()
    case = decided_case(alice, typology="card_testing", decided_at=now() - HOUR)
    Check.objects.update(note="<script>x</script> ")
    review(case, bob, "legitimate", at=now())

    text = as_mia.get("/quality/").content.decode()

    assert "fraud · card testing" in text
    assert "<script>x" not in text
    assert "&lt;script&gt;x&lt;/script&gt; as I see it" in text


def test_a_third_person_settles_and_is_led_to_the_case(as_mia, alice, bob):
    review_everything()
    check = review(decided_case(alice, decided_at=now() - HOUR), bob, "legitimate", at=now())
    address = f"/quality/reviews/{check.id}/settle/"

    assert "Say why, for both reviewers to learn." in as_mia.post(address, {"verdict": "legitimate"}).content.decode()
    assert as_mia.post(address, {"reason": "x"}).status_code == 422
    response = as_mia.post(address, {"verdict": "legitimate", "reason": "his son paid"}, follow=True)

    text = response.content.decode()
    assert "The case still says fraud: reopen it to correct it." in text
    assert "his son paid" in text
    assert "The case says fraud: open it to reopen" in text
    check.refresh_from_db()
    assert (check.settled_as, check.settled_by.username) == ("legitimate", "mia")
    again = as_mia.post(address, {"verdict": "fraud", "reason": "no"}, follow=True)
    assert "Somebody has settled this already" in again.content.decode()


def test_nobody_settles_between_themselves_and_another(client, alice, bob):
    review_everything()
    check = review(decided_case(alice), bob, "legitimate")
    client.force_login(bob)

    response = client.post(f"/quality/reviews/{check.id}/settle/", {"verdict": "legitimate", "reason": "I am right"})

    assert response.status_code == 422
    assert "One of the two verdicts is yours" in response.content.decode()
    with pytest.raises(settling.OwnVerdictError):
        settling.settle(check_id=check.id, verdict="fraud", reason="x", actor=alice, now=NOON)


@pytest.mark.parametrize(
    ("query", "problem"),
    [("since=soon", "valid date"), ("since=2026-02-02&until=2026-02-01", "before the first day"),
     ("since=2020-01-01&until=2026-01-01", "At most 366 days"),
     ("until=9999-12-31", "To: choose a day up to tomorrow."),
     ("until=0001-01-05", "To: choose a day from 1 Jan 2000 on."),
     ("since=0001-01-01", "From: choose a day from 1 Jan 2000 on.")],
)  # fmt: skip
def test_days_that_are_none_are_named(as_mia, query, problem):
    response = as_mia.get(f"/quality/?{query}")

    assert response.status_code == 422
    assert problem in response.content.decode()


@pytest.mark.parametrize("query", ["", "?since=2026-01-05", "?until=2026-01-05", "?since=2026-01-05&until=2026-01-05"])
def test_any_days_can_be_asked_for(as_mia, query):
    assert as_mia.get(f"/quality/{query}").status_code == 200


def test_settings_are_kept_in_shares_and_shown_in_percent(client, alice, bob):
    client.force_login(bob)

    response = client.post("/quality/settings/", settings_form(**{f"display-{alice.id}": "always"}), follow=True)

    desk = current_settings()
    assert (desk.display, desk.second_share, desk.tells_known) == ("random", 0.075, False)
    assert Reviewer.objects.get(user=alice).display == "always"
    assert 'value="7.5"' in response.content.decode()


@pytest.mark.parametrize(
    "wrong", [{"second_share": "101"}, {"known_rate": "-1"}, {"display": "sometimes"}, {"second_rate": "49"},
              {"data_first_share": ""}]
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(client, bob, wrong):
    client.force_login(bob)
    before = current_settings().second_share

    response = client.post("/quality/settings/", settings_form(**wrong))

    assert response.status_code == 422
    assert current_settings().second_share == before


def test_twice_the_verdicts_take_as_many_queries(
    as_mia, alice, bob, django_assert_max_num_queries, django_assert_num_queries
):
    review_everything()
    review(decided_case(alice, decided_at=now() - HOUR), bob, "legitimate", at=now())
    as_mia.get("/quality/")
    with django_assert_max_num_queries(15) as few:
        as_mia.get("/quality/")
    for person in (alice, bob):
        case = decided_case(person, typology="other", decided_at=now() - HOUR)
        review(case, make_user(username=f"for-{person.username}"), "legitimate", at=now())

    with django_assert_num_queries(len(few)):
        as_mia.get("/quality/")


def test_the_top_bar_leads_there(client, alice, bob):
    client.force_login(alice)
    assert 'href="/quality/mine/"' in client.get("/queue/").content.decode()
    client.force_login(bob)
    assert 'href="/quality/"' in client.get("/queue/").content.decode()
