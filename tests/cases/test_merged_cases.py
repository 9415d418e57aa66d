"""Cases that were merged into an older one of the card: what is done on their pages happens there."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.timezone import now

from cases.models import Case
from cases.services import attachments, claims, reopening, verdicts
from tests.cases.files_at_hand import PDF
from tests.factories import flag, make_decision, make_queue, make_user


def text_of(response):
    return response.content.decode()


@pytest.fixture
def merged(as_alice, alice):
    """A case that was merged while its page was open to Bob, and where it went."""
    older = flag(make_decision())
    said = verdicts.record(case=older, analyst=alice, verdict="fraud", decided_at=now())
    newer = flag(make_decision())
    claims.claim(case=newer, analyst=make_user("lead"), now=now())
    reopening.undo(verdict=said, analyst=alice, now=now())
    return newer, older


def test_the_page_of_a_merged_case_is_that_of_where_it_went(as_alice, merged):
    newer, older = merged

    assert as_alice.get(newer.get_absolute_url()).url == older.get_absolute_url()


def test_a_merged_case_is_no_case_of_the_card_any_more(as_alice, merged):
    newer, older = merged

    text = text_of(as_alice.get(reverse("entity", args=["card", older.card_id])))

    assert older.get_absolute_url() in text
    assert newer.get_absolute_url() not in text


@pytest.mark.parametrize("name", ["claim", "skip", "verdict", "release", "look", "reopen"])
def test_whoever_acts_on_a_merged_case_is_told(client, merged, name):
    newer, older = merged
    client.force_login(older.events.get(kind="merged").actor.__class__.objects.get(username="bob"))

    response = client.post(
        reverse(name, args=[newer.id]), {"verdict": "fraud", "note": "my words", "reason": "x"}, follow=True
    )

    assert response.status_code in {200, 422}
    newer.refresh_from_db()
    assert newer.status == "merged"
    if name in {"claim", "skip", "verdict"}:
        assert "An older case of the card was opened again" in text_of(response)
    if name in {"skip", "verdict"}:
        assert "my words</textarea>" in text_of(response)


def test_the_open_page_of_a_merged_case_shows_the_way(client, merged):
    newer, older = merged
    client.force_login(make_user(username="ben"))

    response = client.post(reverse("look", args=[newer.id]), headers={"HX-Request": "true"})

    assert f'<a href="{older.get_absolute_url()}">An older case of the card</a>' in text_of(response)


def test_a_note_on_a_merged_case_goes_where_it_went(as_alice, merged):
    newer, older = merged

    as_alice.post(reverse("add_note", args=[newer.id]), {"note": "seen"})

    assert older.events.filter(kind="note", text="seen").exists()


def test_tags_on_a_merged_case_go_where_it_went(as_alice, merged):
    newer, older = merged

    as_alice.post(reverse("tags", args=[newer.id]), {"tags": "mule, ring"})
    as_alice.post(reverse("remove_tag", args=[newer.id]), {"name": "ring"})

    assert [tag.name for tag in older.tags.all()] == ["mule"]
    assert not newer.tags.exists()


def test_files_of_a_merged_case_are_those_of_where_it_went(as_alice, merged):
    newer, older = merged

    as_alice.post(reverse("files", args=[newer.id]), {"file": SimpleUploadedFile("a.pdf", PDF)})

    kept = older.attachments.get()
    assert "a.pdf" in text_of(as_alice.get(reverse("files", args=[newer.id])))
    assert as_alice.get(reverse("download_file", args=[newer.id, kept.id])).content == PDF
    as_alice.post(reverse("remove_file", args=[newer.id, kept.id]))
    assert not older.attachments.filter(removed_at=None).exists()


def test_nobody_gets_through_a_merged_case_into_a_queue_that_is_not_theirs(as_alice, merged, mia):
    newer, older = merged
    kept = attachments.attach(case=older, name="a.pdf", data=PDF, author=mia, now=now())
    Case.objects.filter(id=older.id).update(queue=make_queue(members=[mia]))

    assert as_alice.get(reverse("files", args=[newer.id])).status_code == 403
    assert as_alice.get(reverse("download_file", args=[newer.id, kept.id])).status_code == 403
    assert as_alice.post(reverse("tags", args=[newer.id]), {"tags": "mule"}).status_code == 403
    assert not older.tags.exists()
