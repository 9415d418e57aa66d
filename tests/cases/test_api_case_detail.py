"""A case by REST: what the console's page shows, as data."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from rest_framework import serializers

from cases.api.schemas import CaseDetailSchema, CasePageSchema, HistorySchema
from cases.models import ApprovalLimit, Case, CaseEvent, Presence
from cases.services import attachments, claims, notes, reopening, tags, verdicts
from cases.services.review_settings import change_settings
from scoring.services.embeddings import catch_up, embed_payments
from scoring.services.lists import add_list_entry
from tests.cases.case_calls import CASES, at, calls_for
from tests.cases.reviewing import THEN, decided_case, review_everything, take
from tests.embedding_world import make_champion, make_embeddable
from tests.factories import HOUR, MINUTE, REASONS, make_case, make_decision, make_label, make_queue, make_user
from tests.scoring.api_calls import problem_of
from tests.timeless import without_instants

HIDDEN = {"score", "anomaly_score", "reasons", "rule_hits"}


@pytest.fixture
def full(alice):
    """A case with everything a case can have."""
    queue = make_queue("large", escalates_to=make_queue("fraud-team", position=20))
    payments = [make_decision(card_id="k", transaction_id=f"t-{n}", occurred_at=THEN + n * MINUTE) for n in range(2)]
    case = make_case(decisions=payments, queue=queue, opened_at=THEN, due_at=now() + HOUR)
    make_decision(card_id="k", transaction_id="t-other", outcome="approve", occurred_at=THEN)
    make_label(payments[1], known_at=THEN)
    make_decision(card_id="another-card", occurred_at=THEN)
    claims.claim(case=case, analyst=alice, now=now())
    notes.add_note(case=case, author=alice, text="asked the bank", now=now())
    tags.add_tags(case=case, names=["mule"], author=alice, now=now())
    attachments.attach(case=case, name="mail.txt", data=b"hello", author=alice, now=now())
    return case


def read(caller, case):
    response = caller.get(at(case))
    assert response.status_code == 200
    return response.json()


def test_the_case_its_claim_and_its_queue(program, full):
    found = read(program, full)

    assert (found["id"], found["url"], found["page"]) == (str(full.id), at(full), f"/cases/{full.id}/")
    assert (found["status"], found["card_id"], found["alert_count"]) == ("open", "k", 2)
    assert (found["amount"], found["stake"], found["currency"]) == ("1249.00", "1186.55", "EUR")
    assert found["queue"] == {"slug": "large", "title": "Large"}
    assert found["escalates_to"] == {"slug": "fraud-team", "title": "Fraud-team"}
    assert (found["claim"]["username"], found["claim"]["name"]) == ("alice", "Alice")
    assert 3590 < found["seconds_left"] <= 3600
    assert (found["verdict"], found["decided_by"], found["last_verdict"]) == ("", None, None)


def test_its_payments_have_their_decisions_reasons_and_labels(program, full):
    first, second = read(program, full)["payments"]

    assert (first["transaction_id"], second["transaction_id"]) == ("t-1", "t-0")
    assert (first["label"], first["label_source"], second["label"]) == ("fraud", "chargeback", "")
    assert (first["amount"], first["outcome"], first["score"], first["reasons"]) == ("1249.00", "review", 0.95, REASONS)
    assert first["decision"] == "/api/v1/decisions/t-1/"
    assert (first["channel"], first["merchant_country"], first["ip_address"]) == ("ecommerce", "SE", "192.0.2.7")


def test_what_stands_beside_it(program, full):
    found = read(program, full)

    assert {fact["name"]: fact["note"] for fact in found["facts"]}["Shop"] == "1 of 1 payments"
    assert {group["kind"]: group["summary"] for group in found["related"]}["device"] == (
        "1 other card, none with confirmed fraud"
    )
    assert found["related"][0]["payments"][0]["card_id"] == "another-card"
    assert [payment["transaction_id"] for payment in found["recent_payments"]] == ["t-other"]
    assert [(note["text"], note["by"]["username"]) for note in found["notes"]] == [("asked the bank", "alice")]
    assert [(file["name"], file["bytes"]) for file in found["files"]] == [("mail.txt", 5)]
    assert found["tags"] == ["mule"]
    assert found["payments_held"] == 2
    titles = [entry["title"] for entry in found["history"]["entries"]]
    assert sorted(titles) == ["Claimed", "File", "Label", "Note", "Opened", "Tag"]


def test_what_one_may_do_follows_from_ones_role(alice, bob, aude, case):
    may = {user.username: read(calls_for(user), case)["may"] for user in (alice, bob, aude)}

    assert may["alice"] == dict.fromkeys(may["bob"], False) | {"review": True, "block": True}
    assert may["bob"] == dict.fromkeys(may["bob"], True)
    assert may["aude"] == dict.fromkeys(may["bob"], False)


def test_the_last_verdict_says_what_it_labels_and_until_when_it_can_be_undone(program, alice, full):
    verdicts.record(
        case=full, analyst=alice, verdict="fraud", typology="stolen_card", block_days=7, note="a thief",
        decided_at=now(), overrides={full.alerts.first().decision_id: "legitimate"},
    )  # fmt: skip

    found = read(program, full)

    said = found["last_verdict"]
    assert (found["status"], found["verdict"], found["decided_by"]["username"]) == ("decided", "fraud", "alice")
    assert (said["verdict"], said["typology"], said["note"], said["state"]) == (
        "fraud", "stolen_card", "a thief", "waiting",
    )  # fmt: skip
    assert said["labels"] == {"t-0": "legitimate", "t-1": "fraud"}
    assert {(effect["kind"], effect["days"], effect["left_at"]) for effect in said["effects"]} == {
        ("label", None, None), ("block_card", 7, None), ("tell", None, None),
    }  # fmt: skip
    assert said["undo_until"] > now().isoformat()


def test_what_a_verdict_would_cause_is_told_before(program, full, alice):
    ApprovalLimit.objects.create(verdict="legitimate", amount=100)

    found = read(program, full)

    assert found["needs_approval"] == ["legitimate"]
    assert found["lifts_block"] is False


def test_a_block_a_verdict_would_lift_is_told(program, alice):
    case = decided_case(alice)
    add_list_entry(
        list_name="block", entity="card", value=case.card_id, reason=f"Verdict fraud, case {case.id}",
        expires_at=None, author=alice,
    )  # fmt: skip
    reopening.reopen(case=case, actor=alice, reason="again", now=now())

    assert read(program, case)["lifts_block"] is True


def test_a_look_stands_in_the_history_once_and_on_the_page_of_others(program, alice, bob, case):
    read(program, case)
    read(program, case)

    assert CaseEvent.objects.filter(case=case, kind="viewed", actor=alice).count() == 1
    assert Presence.objects.get().user == alice
    assert read(calls_for(bob), case)["lookers"] == [{"username": "alice", "name": "Alice"}]


def test_the_first_look_after_the_claim_is_the_begin_of_the_work(program, alice, case):
    claims.claim_next(analyst=alice, now=now())
    assert case.handlings.get().first_viewed_at is None

    read(program, case)

    assert case.handlings.get().first_viewed_at is not None


def test_reading_claims_nothing(program, case):
    assert read(program, case)["claim"] is None
    assert Case.objects.get().claimed_by is None


def test_a_merged_case_is_answered_by_the_one_it_went_into(program, alice):
    older, newer = merged_cases(alice)

    assert read(program, newer)["id"] == str(older.id)


def test_one_merged_into_a_queue_one_does_not_see_is_not_there(program, alice):
    older, newer = merged_cases(alice)
    Case.objects.filter(id=older.id).update(queue=make_queue(members=[make_user(username="nina")]))

    problem_of(program.get(at(newer)), 404)


def merged_cases(alice):
    older = decided_case(alice, decisions=[make_decision(card_id="k")], decided_at=now() - timedelta(seconds=5))
    newer = make_case(decisions=[make_decision(card_id="k")], opened_at=now())
    said = older.verdicts.get()
    older.verdicts.update(state="waiting", settled_at=None)
    reopening.undo(verdict=said, analyst=alice, now=now())
    return older, newer


def test_money_is_exact_text(program):
    case = make_case(decisions=[make_decision(amount="0.1250", currency="KWD")], currency="KWD", stake="12345678901.5")

    found = read(program, case)

    assert (found["amount"], found["payments"][0]["amount"], found["stake"]) == ("0.125", "0.125", "12345678901.500")


def test_untrusted_text_comes_as_it_is(program):
    name = "<script>alert('é')</script>\u202e"
    case = make_case(decisions=[make_decision(merchant_name=name)])

    assert read(program, case)["payments"][0]["merchant_name"] == name


def test_confirmed_payments_that_resemble_it_are_told_with_what_they_share(program):
    make_champion()
    fraud, like = make_embeddable(number=1), make_embeddable(number=2)
    make_label(fraud, known_at=THEN)
    catch_up(at=now())
    embed_payments([like.id], at=now())

    similar = read(program, make_case(decisions=[like]))["similar"]

    assert 0.9 < similar["fraud_similarity"] <= 1.0
    (one,) = similar["payments"]
    assert (one["card_id"], one["label"], one["amount"], one["case_id"]) == ("card-busy-1", "fraud", "1249.00", None)
    assert one["alike"]


def test_without_an_embedding_nothing_resembles_it(program, full):
    assert read(program, full)["similar"] is None


# --- data first ----------------------------------------------------------------------------------------------------


def test_who_sees_data_first_is_shown_no_score_before_the_verdict(program, alice, full):
    change_settings(values={}, displays={alice.id: "always"})

    found = read(program, full)

    assert found["is_score_hidden"] is True
    assert [found[name] for name in ("stake", "score", "top_reason")] == [None] * 3
    assert [payment[name] for payment in found["payments"] for name in sorted(HIDDEN)] == [None] * 8
    assert [payment["outcome"] for payment in found["payments"]] == ["review", "review"]
    assert "0.95" not in without_instants(program.get(at(full)).content.decode())


def test_the_score_waits_while_the_verdict_can_be_undone(program, alice, full):
    change_settings(values={}, displays={alice.id: "always"})
    verdicts.record(case=full, analyst=alice, verdict="fraud", decided_at=now())
    assert read(program, full)["score"] is None

    full.verdicts.update(state="done", settled_at=now())

    assert read(program, full)["score"] == 0.95


def test_others_cases_under_blind_review_say_nothing_in_what_is_related(alice, bob):
    review_everything()
    waiting = make_case(decisions=[make_decision(card_id="waits", device_id="shared")], due_at=now() + HOUR)
    shared = make_decision(card_id="blind", device_id="shared", occurred_at=THEN)
    decided_case(alice, decided_at=THEN, decisions=[shared])
    make_label(shared, known_at=THEN)
    assert read(calls_for(bob), waiting)["related"][0]["payments"][0]["label"] == "fraud"

    assert take(bob, now=now()) is not None

    assert read(calls_for(bob), waiting)["related"][0]["payments"][0]["label"] == ""


# --- what the schema says, and queries -----------------------------------------------------------------------------


def assert_described(schema: serializers.BaseSerializer, answer: object, path: str = "") -> None:
    """Each field of the answer is in the schema and the other way round, at every depth, with words."""
    if isinstance(schema, serializers.ListSerializer):
        for one in answer or []:
            assert_described(schema.child, one, f"{path}[]")
    elif isinstance(schema, serializers.Serializer) and answer is not None:
        assert schema.fields.keys() == answer.keys(), path
        for name, field in schema.fields.items():
            assert field.help_text or isinstance(field, serializers.BaseSerializer), f"{path}.{name}"
            assert answer[name] is not None or field.allow_null, f"{path}.{name}"
            assert_described(field, answer[name], f"{path}.{name}")


def test_the_schema_describes_every_field_of_every_answer(program, alice, full):
    verdicts.record(case=full, analyst=alice, verdict="fraud", block_days=7, decided_at=now())
    reopening.undo(verdict=full.verdicts.get(), analyst=alice, now=now())

    assert_described(CaseDetailSchema(), read(program, full))
    assert_described(CasePageSchema(), program.get(CASES).json())
    assert_described(HistorySchema(), program.get(at(full, "history/")).json())


def test_twice_the_payments_take_as_many_queries(
    program, alice, full, django_assert_max_num_queries, django_assert_num_queries, keys_in_memory
):
    read(program, full)
    with django_assert_max_num_queries(27) as few:
        read(program, full)
    make_case(decisions=[make_decision(card_id="other", device_id="device-1", occurred_at=THEN)])
    for number in range(3):
        make_label(make_decision(card_id="k", transaction_id=f"more-{number}", occurred_at=THEN), known_at=THEN)
        full.alerts.create(decision=make_decision(card_id="k", transaction_id=f"flagged-{number}", occurred_at=THEN))
        notes.add_note(case=full, author=make_user(username=f"u{number}"), text="x", now=now())

    with django_assert_num_queries(len(few)):
        read(program, full)
