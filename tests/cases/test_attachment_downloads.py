"""Files of a case: handed out, and removed."""

from uuid import uuid4

import pytest
from django.urls import reverse

from cases.models import AttachmentContent
from cases.services import attachments
from tests.cases.files_at_hand import CSV, GOOD, PDF
from tests.factories import NOON, make_case, make_user


@pytest.fixture
def url(case):
    return lambda name, *others: reverse(name, args=[case.id, *others])


def attach(case, author, *, name="a.pdf", data=PDF):
    return attachments.attach(case=case, name=name, data=data, author=author, now=NOON)


def told(case):
    events = case.events.filter(kind="attached").order_by("id")
    return [(event.actor.username, event.text) for event in events]


@pytest.mark.parametrize("role", ["analyst", "lead", "manager", "auditor"])
def test_who_may_see_the_case_downloads_its_files_and_is_remembered(client, alice, case, url, role):
    file = attach(case, alice)
    user = make_user(role, username=f"the-{role}")
    client.force_login(user)

    response = client.get(url("download_file", file.id))

    assert response.content == PDF
    assert told(case)[-1] == (user.username, "downloaded a.pdf")


@pytest.mark.parametrize("name", GOOD)
def test_a_download_is_a_file_and_never_a_page_of_ours(as_alice, alice, case, url, name):
    file = attach(case, alice, name=name, data=GOOD[name])

    response = as_alice.get(url("download_file", file.id))

    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response.headers["Cache-Control"]
    assert "html" not in response.headers["Content-Type"]
    assert response.content == GOOD[name]


def test_a_name_with_other_letters_goes_by_rfc_6266(as_alice, alice, case, url):
    file = attach(case, alice, name="Übersicht.csv", data=CSV)

    disposition = as_alice.get(url("download_file", file.id)).headers["Content-Disposition"]

    assert disposition == "attachment; filename*=utf-8''%C3%9Cbersicht.csv"


def test_a_file_of_another_case_is_not_found(as_alice, alice, case):
    file = attach(make_case(), alice)

    assert as_alice.get(reverse("download_file", args=[case.id, file.id])).status_code == 404
    assert as_alice.get(reverse("download_file", args=[case.id, uuid4()])).status_code == 404
    assert as_alice.post(reverse("remove_file", args=[case.id, file.id])).status_code == 422
    assert told(case) == []


def test_removing_drops_the_bytes_and_keeps_the_row(as_alice, alice, case, url):
    file = attach(case, alice)

    assert as_alice.post(url("remove_file", file.id)).url == case.get_absolute_url()

    file.refresh_from_db()
    assert file.removed_by == alice
    assert not AttachmentContent.objects.exists()
    assert as_alice.get(url("download_file", file.id)).status_code == 404
    assert told(case)[-1] == ("alice", "removed a.pdf")
    assert "removed by Alice" in as_alice.get(url("files")).content.decode()
    assert "has been removed already" in as_alice.post(url("remove_file", file.id)).content.decode()


def test_only_who_put_it_there_or_a_lead_removes_a_file(client, alice, bob, case, url):
    file = attach(case, alice)
    client.force_login(make_user("analyst", username="anna"))
    assert url("remove_file", file.id) not in client.get(url("files")).content.decode()

    response = client.post(url("remove_file", file.id))
    assert response.status_code == 422
    assert "they or a lead can remove it" in response.content.decode()
    assert AttachmentContent.objects.exists()

    client.force_login(bob)
    client.post(url("remove_file", file.id))
    assert not AttachmentContent.objects.exists()


@pytest.mark.parametrize("name", ["download_file", "remove_file"])
def test_an_account_in_no_group_learns_nothing(client, mallory, alice, case, url, name):
    file = attach(case, alice)
    client.force_login(mallory)
    method = client.get if name == "download_file" else client.post

    assert method(url(name, file.id)).status_code == 403
    client.logout()
    assert method(url(name, file.id)).url.startswith("/login/")
    assert len(told(case)) == 1


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_the_admin_lists_files_and_changes_none(client, alice, case, role):
    file = attach(case, alice)
    client.force_login(make_user(role))

    assert client.get("/admin/cases/attachment/").status_code == 200
    assert client.get(f"/admin/cases/attachment/?q={file.sha256}").status_code == 200
    assert b'name="_save"' not in client.get(f"/admin/cases/attachment/{file.id}/change/").content
