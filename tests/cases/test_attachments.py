"""Files of a case: taken in, handed out, removed."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cases.files import FileRefusedError
from cases.models import Attachment, AttachmentContent
from cases.services import attachments
from tests.cases.files_at_hand import BAD, HTML, NOT_KEPT, PDF, PNG, TEXT
from tests.factories import NOON, make_case, make_user

HTMX = {"HX-Request": "true"}
MB = 1_000_000


@pytest.fixture
def url(case):
    return lambda name, *others: reverse(name, args=[case.id, *others])


@pytest.fixture
def upload(client, url):
    """Returns a function that sends a file with the form; somebody is to be logged in."""
    return lambda name, data, **headers: client.post(
        url("files"), {"file": SimpleUploadedFile(name, data, content_type="image/png")}, headers=headers
    )


def attach(case, author, *, name="a.pdf", data=PDF):
    return attachments.attach(case=case, name=name, data=data, author=author, now=NOON)


def told(case):
    events = case.events.filter(kind="attached").order_by("id")
    return [(event.actor.username, event.text) for event in events]


def test_a_file_is_kept_with_who_when_and_what(as_alice, alice, case, upload):
    response = upload("statement.pdf", PDF)

    assert response.url == case.get_absolute_url()
    kept = case.attachments.get()
    assert (kept.name, kept.kind, kept.size, kept.uploaded_by) == ("statement.pdf", "pdf", len(PDF), alice)
    assert kept.sha256 == hashlib.sha256(PDF).hexdigest()
    assert bytes(kept.content.data) == PDF
    assert told(case) == [("alice", f"added statement.pdf (PDF, {len(PDF)} bytes)")]


@pytest.mark.parametrize("name", ["page.png", "drawing.txt", "behind.png", "drawing.svg", "program.exe"])
def test_a_file_that_pretends_leaves_nothing(as_alice, case, upload, name):
    response = upload(name, {**BAD, **NOT_KEPT}[name])

    assert response.status_code == 422
    assert 'role="alert"' in response.content.decode()
    assert not Attachment.objects.exists()
    assert told(case) == []


def test_eleven_megabytes_are_refused_and_ten_are_not(as_alice, case, upload):
    response = upload("large.txt", b"x" * (11 * MB))

    assert response.status_code == 422
    assert "The file is larger than 10 MB." in response.content.decode()
    assert not Attachment.objects.exists()

    assert upload("large.txt", b"x" * (10 * MB)).status_code == 302
    assert "10.0 MB" in told(case)[0][1]


def test_a_file_just_over_the_limit_is_refused_though_no_request_is_looked_at(alice, case):
    with pytest.raises(FileRefusedError, match="larger than 10 MB"):
        attach(case, alice, name="a.txt", data=b"x" * (10 * MB + 1))


def test_the_file_of_a_stranger_makes_no_temporary_file(client, case, url, monkeypatch):
    written = []
    monkeypatch.setattr("tempfile.NamedTemporaryFile", lambda *args, **kwargs: written.append(args))
    file = SimpleUploadedFile("a.txt", b"x" * (11 * MB))

    assert client.post(url("files"), {"file": file}).status_code == 302
    assert written == []


def test_a_picture_that_was_cut_on_its_way_leaves_nothing(as_alice, case, url):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'

    response = as_alice.generic("POST", url("files"), head + PNG[:-9], content_type="multipart/form-data; boundary=x")

    assert response.status_code == 422
    assert not Attachment.objects.exists()


def test_several_files_at_once_are_a_bad_request(as_alice, case, url):
    files = [SimpleUploadedFile(f"{n}.txt", TEXT) for n in range(2)]

    assert as_alice.post(url("files"), {"file": files}).status_code == 400
    assert not Attachment.objects.exists()


@pytest.mark.parametrize(("name", "kept"), [("../../../etc/a.txt", "a.txt"), ("C:\\x\\a.txt", "a.txt")])
def test_a_path_in_the_name_is_cut_off(as_alice, case, upload, name, kept):
    upload(name, TEXT)

    assert case.attachments.get().name == kept


def test_hostile_names_are_text(as_alice, case, upload):
    upload('"><img src=x onerror=alert(1)>.txt', TEXT)

    text = as_alice.get(case.get_absolute_url()).content.decode()
    assert "<img src=x" not in text
    assert "img src=x onerror=alert(1)" in text


def test_the_same_file_twice_is_refused_kindly(as_alice, case, upload):
    upload("first.pdf", PDF)

    response = upload("second.pdf", PDF)

    assert response.status_code == 422
    assert "The case has this file already: first.pdf." in response.content.decode()
    assert case.attachments.count() == 1


def test_a_removed_file_may_come_again(as_alice, alice, case, upload, url):
    upload("first.pdf", PDF)
    as_alice.post(url("remove_file", case.attachments.get().id))

    assert upload("second.pdf", PDF).status_code == 302


def test_a_case_has_at_most_20_files(alice, case):
    for number in range(20):
        attach(case, alice, name="a.txt", data=b"%d" % number)

    with pytest.raises(FileRefusedError, match="20 files"):
        attach(case, alice)


@pytest.mark.django_db(transaction=True)
def test_the_same_file_from_two_people_at_once_is_kept_once():
    alice, case = make_user(), make_case()

    def work():
        try:
            attach(case, alice)
        except FileRefusedError:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        results = [job.result() for job in [pool.submit(work) for _ in range(4)]]

    assert results.count("refused") == 3
    assert Attachment.objects.count() == AttachmentContent.objects.count() == 1


def test_a_decided_case_takes_files_too(as_alice, alice, upload, case):
    case.__class__.objects.filter(id=case.id).update(
        status="decided", verdict="fraud", decided_by=alice, decided_at=NOON
    )

    assert upload("a.png", PNG).status_code == 302


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_who_only_looks_adds_and_removes_nothing(client, alice, case, upload, url, role):
    file = attach(case, alice)
    client.force_login(make_user(role))

    assert upload("a.png", PNG).status_code == 403
    assert client.post(url("remove_file", file.id)).status_code == 403
    text = client.get(url("files")).content.decode()
    assert "a.pdf" in text
    assert 'type="file"' not in text
    assert Attachment.objects.count() == 1


def test_a_form_without_a_file_says_what_to_do(as_alice, case, url):
    response = as_alice.post(url("files"), {})

    assert response.status_code == 422
    assert "Choose a file first." in response.content.decode()


def test_the_dialog_stays_and_the_header_counts(as_alice, case, upload):
    text = upload("a.png", PNG, HX_Request="true").content.decode()

    assert 'id="file-count" class="num" hx-swap-oob="true"> 1<' in text
    assert "a.png" in text
    assert "<html" not in text
    refused = upload("b.png", HTML, HX_Request="true")
    assert (refused.status_code, "<html" in refused.content.decode()) == (422, False)


def test_a_list_of_files_takes_as_many_queries_and_loads_no_bytes(as_alice, alice, bob, case):
    attach(case, alice)
    as_alice.get(case.get_absolute_url())
    with CaptureQueriesContext(connection) as few:
        as_alice.get(case.get_absolute_url())
    for number, author in enumerate((alice, bob, alice)):
        attach(case, author, name="a.txt", data=b"%d" % number)

    with CaptureQueriesContext(connection) as more:
        as_alice.get(case.get_absolute_url())

    assert len(more) == len(few)
    assert not any("attachmentcontent" in query["sql"] for query in more)
