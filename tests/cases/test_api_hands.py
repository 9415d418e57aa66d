"""What a program does in a person's name is recorded, and shown, as done by its key."""

import pytest
from django.test import Client
from django.utils.timezone import now

from cases.hands import act_by_key
from cases.models import ApprovalLimit, CaseEvent, Check, Verdict
from cases.services import checks, claims, notes, verdict_effects
from scoring.models import ApiKey, Label
from scoring.services.keys import digest, issue_key
from tests.cases.case_calls import at
from tests.cases.reviewing import in_review, take
from tests.factories import NOON, make_case, make_queue, make_user
from tests.scoring.api_calls import LABELS, Caller

pytestmark = pytest.mark.django_db


def program_of(user, name: str) -> tuple[Caller, ApiKey]:
    key = issue_key(name=name, scopes=["cases"], user=user)
    return Caller(Client(), key), ApiKey.objects.get(sha256=digest(key))


def keys_of(*kinds: str) -> list[tuple[str, int | None]]:
    return list(CaseEvent.objects.filter(kind__in=kinds).order_by("id").values_list("kind", "api_key"))


def test_a_verdict_and_its_approval_name_the_keys_they_were_given_by(client, alice, bob):
    ApprovalLimit.objects.create(verdict="legitimate", amount=100)
    case = make_case()
    says, said_by = program_of(alice, "says")
    approves, approved_by = program_of(bob, "approves")

    said = says.post(at(case, "verdict/"), {"verdict": "legitimate"}).json()
    client.force_login(bob)
    assert ", by key says" in client.get(f"/cases/{case.id}/").content.decode()
    assert approves.post(at(case, "approve/"), {"verdict_id": said["id"]}).status_code == 200

    assert Verdict.objects.get().api_key == said_by
    assert keys_of("verdict", "approved") == [("verdict", said_by.id), ("approved", approved_by.id)]


def test_every_kind_of_act_of_a_program_names_its_key(alice, case):
    program, key = program_of(alice, "desk-bot")
    upper = make_queue("upper", position=90)
    case.queue.escalates_to = upper
    case.queue.save()

    for act, body in (
        ("claim/", {}), ("tags/", {"add": ["ring"]}), ("notes/", {"note": "seen"}), ("release/", {}),
        ("snooze/", {"until": "2999-01-01T00:00:00Z", "reason": "later"}), ("escalate/", {"reason": "a ring"}),
    ):  # fmt: skip
        answer = program.post(at(case, act), body)
        assert answer.status_code in (200, 201, 422), (act, answer.content)

    acts = CaseEvent.objects.filter(actor=alice)
    assert {"claimed", "tagged", "note", "released", "escalated"} <= set(acts.values_list("kind", flat=True))
    assert set(acts.values_list("api_key", flat=True)) == {key.id}


def test_what_people_do_themselves_names_no_key(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)
    notes.add_note(case=case, author=alice, text="seen", now=NOON)

    assert keys_of("claimed", "note") == [("claimed", None), ("note", None)]


def test_the_history_says_by_which_key(client, alice, case):
    program, _ = program_of(alice, "<b>bot</b>")
    program.post(at(case, "notes/"), {"note": "asked the bank"})
    program.post(at(case, "verdict/"), {"verdict": "fraud", "typology": "stolen_card"})

    entries = program.get(at(case, "history/")).json()["entries"]
    client.force_login(alice)
    page = client.get(f"/cases/{case.id}/history/").content.decode()

    assert {(entry["title"], entry["by_key"]) for entry in entries} >= {("Note", "<b>bot</b>"), ("Opened", "")}
    assert ", by key &lt;b&gt;bot&lt;/b&gt;" in page
    assert "<b>bot" not in page


def test_the_case_s_notes_say_by_which_key(client, alice, case):
    program, _ = program_of(alice, "<b>bot</b>")
    notes.add_note(case=case, author=alice, text="seen", now=NOON)

    said = program.post(at(case, "notes/"), {"note": "asked the bank"}).json()
    shown = program.get(at(case)).json()["notes"]
    client.force_login(alice)
    page, fragment, printed = (
        client.get(f"/cases/{case.id}/").content.decode(),
        client.post(f"/cases/{case.id}/notes/", {"note": "x"}, headers={"HX-Request": "true"}).content.decode(),
        client.get(f"/cases/{case.id}/print/").content.decode(),
    )

    assert said["by_key"] == "<b>bot</b>"
    assert [(note["text"], note["by_key"]) for note in shown] == [("asked the bank", "<b>bot</b>"), ("seen", "")]
    for shows in (page, fragment, printed):
        assert "Alice, by key &lt;b&gt;bot&lt;/b&gt;, " in shows
        assert "<b>bot" not in shows


@pytest.mark.parametrize("has_user", [True, False])
def test_a_label_names_the_key_it_was_said_by_and_the_history_shows_it(client, alice, case, has_user):
    key = issue_key(name="bank<i>", scopes=["label"], user=alice if has_user else None)
    payment = case.alerts.get().decision
    body = {
        "transaction_id": payment.transaction_id, "label": "fraud", "source": "chargeback",
        "known_at": "2026-11-21T08:00:00Z",
    }  # fmt: skip

    assert Caller(Client(), key).post(LABELS, body).status_code == 201
    client.force_login(alice)
    page = client.get(f"/cases/{case.id}/history/").content.decode()

    label = Label.objects.get()
    assert (label.api_key, label.author) == (ApiKey.objects.get(), alice if has_user else None)
    assert ", by key bank&lt;i&gt;" in page
    assert "by key bank&lt;i&gt;" in client.get(f"/cases/{case.id}/print/").content.decode()


def test_the_labels_of_a_verdict_name_the_key_it_was_said_by(alice, case):
    program, key = program_of(alice, "says")
    program.post(at(case, "verdict/"), {"verdict": "fraud"})
    said = Verdict.objects.get()

    verdict_effects.settle(said.id, now=said.effects_at)

    assert Label.objects.get().api_key == key


def test_a_blind_review_names_the_key_that_took_it_and_the_one_that_decided_it(alice, bob, client):
    case = in_review(alice, bob)
    takes, taken_by = program_of(bob, "takes")
    decides, decided_by = program_of(bob, "decides")
    checks.give_back(Check.objects.get())
    reviewer = act_by_key(bob, taken_by.id)

    assert take(reviewer, now=now()).api_key == taken_by
    assert decides.post(at(case, "verdict/"), {"verdict": "legitimate"}).status_code == 201

    assert Check.objects.get().api_key == decided_by
    client.force_login(bob)
    assert "by key decides" in client.get("/quality/").content.decode()


def test_a_blind_review_decided_in_the_console_names_no_key(alice, bob, client):
    case = in_review(alice, bob)
    Check.objects.update(api_key=program_of(bob, "takes")[1])
    client.force_login(bob)

    client.post(f"/cases/{case.id}/verdict/", {"verdict": "legitimate"})

    assert (Check.objects.get().verdict, Check.objects.get().api_key) == ("legitimate", None)


def test_the_history_asks_as_many_queries_with_more_keys(client, case, django_assert_max_num_queries):
    people = [make_user(username=name) for name in ("nina", "olaf", "pia")]
    client.force_login(people[0])

    def count() -> int:
        with django_assert_max_num_queries(60) as queries:
            client.get(f"/cases/{case.id}/history/")
        return len(queries)

    program_of(people[0], "first")[0].post(at(case, "notes/"), {"note": "x"})
    once = count()
    for person in people[1:]:
        program_of(person, "more")[0].post(at(case, "notes/"), {"note": "x"})

    assert count() == once
