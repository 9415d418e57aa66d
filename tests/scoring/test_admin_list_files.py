"""Lists and their files in the admin."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from scoring.admin import estimates
from scoring.models import ListEntry, NamedList
from scoring.services.lists import ListInUseError, add_list_entry, delete_list
from scoring.services.policy import RuleDraft
from tests.factories import make_user
from tests.scoring.payments import publish

LIST = "/admin/scoring/namedlist/"
FILE = b"entity,value,reason\ncard,card-1,stolen\nip,192.0.2.0/24,hosting\n"


@pytest.fixture
def mia(db, client):
    user = make_user("manager")
    client.force_login(user)
    return user


@pytest.fixture
def mules(mia):
    return NamedList.objects.create(name="mules", title="Mules")


def url_of(named, page):
    return f"{LIST}{named.pk}/{page}/"


def send(client, named, content=FILE, **fields):
    file = SimpleUploadedFile("mules.csv", content, content_type="text/csv")
    return client.post(url_of(named, "import"), {"file": file, "mode": "add", "import": "Import"} | fields)


def test_a_manager_makes_a_list_whose_name_then_stays(client, mia):
    client.post(f"{LIST}add/", {"name": "mules", "title": "Mules", "purpose": "Known ones"})

    named = NamedList.objects.get(name="mules")
    assert (named.title, named.created_by) == ("Mules", mia)
    client.post(f"{LIST}{named.pk}/change/", {"name": "other", "title": "Money mules", "purpose": ""})
    named.refresh_from_db()
    assert (named.name, named.title) == ("mules", "Money mules")


@pytest.mark.parametrize("name", ["", "Two Words", "block", "snooze:large", "a" * 81, "a\0"])
def test_a_bad_name_is_refused(client, mia, name):
    before = NamedList.objects.count()

    assert client.post(f"{LIST}add/", {"name": name, "title": "x"}).status_code == 200
    assert NamedList.objects.count() == before


def test_only_a_list_that_nothing_ever_stood_on_can_be_deleted(client, mia, mules):
    empty = NamedList.objects.create(name="empty", title="Empty")
    add_list_entry(list_name="mules", entity="card", value="a", reason="x", expires_at=None, author=mia).delete()

    for named in (empty, mules, NamedList.objects.get(name="block"), NamedList.objects.get(name="allow")):
        client.post(f"{LIST}{named.pk}/delete/", {"post": "yes"})

    assert set(NamedList.objects.values_list("name", flat=True)) == {"mules", "block", "allow"}


def test_a_file_is_imported_and_the_history_says_so(client, mia, mules):
    response = send(client, mules)

    assert response.status_code == 302
    assert ListEntry.objects.filter(list=mules, author=mia, source="csv:mules.csv").count() == 2
    assert "2 put on or changed" in LogEntry.objects.get().change_message
    assert "mules.csv" in client.get(f"{LIST}{mules.pk}/history/").content.decode()


def test_checking_a_file_writes_nothing(client, mia, mules):
    file = SimpleUploadedFile("mules.csv", FILE)

    response = client.post(url_of(mules, "import"), {"file": file, "mode": "replace", "check": "Check"})

    assert "Checked, nothing was written: 2 lines would put on or" in response.content.decode()
    assert not ListEntry.objects.exists()
    assert not LogEntry.objects.exists()


def test_wrong_lines_stand_on_the_page_with_their_numbers(client, mia, mules):
    response = send(client, mules, b"entity,value,reason\ncard,a,x\n<b>,x,x\ncard,4111111111111111,x\n")

    page = response.content.decode()
    assert response.status_code == 422
    assert "2 lines of the file cannot be taken" in page
    assert "<td>3</td><td>entity</td>" in page
    assert "<td>4</td><td>value</td>" in page
    assert "4111" not in page
    assert not ListEntry.objects.exists()


def test_wrong_lines_are_skipped_when_ticked(client, mia, mules):
    assert (
        send(client, mules, b"value\n\xc3\xa9\ngood\n", entity="card", reason="x", skips_bad_lines="on").status_code
        == 302
    )
    assert ListEntry.objects.get().value == "good"


@pytest.mark.parametrize(
    ("content", "fields", "said"),
    [
        (b"", {}, "empty"),
        (b"\xff\xfe\x00", {"entity": "card"}, "UTF-8"),
        (FILE, {"mode": "x"}, "valid choice"),
        (FILE, {"days": "0"}, "greater than or equal to 1"),
        (FILE, {"days": "9" * 30}, "less than or equal to"),
        (FILE, {"reason": "x" * 201}, "at most 200"),
        (FILE, {"reason": "\0"}, "Null characters"),
    ],
)
def test_a_bad_file_or_field_is_refused_in_words(client, mia, mules, content, fields, said):
    response = send(client, mules, content, **fields)

    assert response.status_code == 422
    assert said in response.content.decode()
    assert not ListEntry.objects.exists()


def test_a_file_beyond_the_limit_is_refused(client, mia, mules, settings):
    settings.LIST_IMPORT_MAX_MB = 1

    response = send(client, mules, b"x" * 1_100_000)

    assert response.status_code == 422
    assert "larger than 1 MB" in response.content.decode()


def test_no_file_at_all_is_refused(client, mia, mules):
    response = client.post(url_of(mules, "import"), {"mode": "add", "import": "Import"})

    assert response.status_code == 422
    assert "Choose a file" in response.content.decode()


def test_a_file_from_another_site_is_not_taken(mia, mules):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(mia)

    assert send(strict, mules).status_code == 403
    assert not ListEntry.objects.exists()


def test_an_import_needs_both_permissions(client, mules):
    aude = make_user("auditor")
    client.force_login(aude)

    assert client.get(url_of(mules, "import")).status_code == 403
    assert send(client, mules).status_code == 403
    assert not ListEntry.objects.exists()


def test_an_export_is_a_file_and_is_remembered(mia, mules):
    add_list_entry(list_name="mules", entity="card", value="=a", reason="x", expires_at=None, author=mia)

    async def download():
        visitor = AsyncClient()
        await visitor.aforce_login(mia)
        response = await visitor.get(url_of(mules, "export"))
        return response, b"".join([part async for part in response]).decode()

    response, text = async_to_sync(download)()

    assert response["Content-Disposition"].startswith('attachment; filename="mules-')
    assert text.startswith("entity,value,reason,expires_at,source,author,created_at\r\ncard,'=a,x,,manual,mia,")
    assert "Exported" in LogEntry.objects.get().change_message


def test_entries_are_found_by_what_a_payment_carries(client, mia, mules):
    for entity, value in (("ip", "192.0.2.0/24"), ("card_prefix", "tok-5"), ("card", "card-7")):
        add_list_entry(list_name="mules", entity=entity, value=value, reason="x", expires_at=None, author=mia)

    def found(term, table="listentry"):
        page = client.get(f"/admin/scoring/{table}/", {"q": term})
        return {row.value for row in page.context["cl"].result_list}

    assert found("192.0.2.77") == {"192.0.2.0/24"}
    assert found("tok-512") == {"tok-5"}
    assert found("card-7") == found("card-7", "listchange") == {"card-7"}
    assert found("card-") == set()


@pytest.mark.parametrize("query", ["end=soon", "end=never", "end=over", "author=1", "author=x", "entity__exact=ip"])
def test_entries_are_filtered(client, mia, mules, query):
    add_list_entry(list_name="mules", entity="card", value="a", reason="x", expires_at=None, author=mia)

    assert client.get(f"/admin/scoring/listentry/?{query}").status_code == 200


def test_a_page_of_entries_asks_as_often_for_many_as_for_few(client, mia, mules, django_assert_max_num_queries):
    for number in range(30):
        add_list_entry(
            list_name="mules", entity="card", value=f"card-{number}", reason="x", expires_at=None, author=mia
        )

    with django_assert_max_num_queries(12):
        client.get("/admin/scoring/listentry/")


def test_a_large_table_is_not_counted_to_its_end(client, mia, mules, monkeypatch):
    monkeypatch.setattr(estimates, "MAX_COUNTED", 3)
    for number in range(10):
        add_list_entry(
            list_name="mules", entity="card", value=f"card-{number}", reason="x", expires_at=None, author=mia
        )

    listed = client.get("/admin/scoring/listentry/").context["cl"]

    assert len(listed.result_list) == 10
    assert listed.paginator.count > 3


def test_the_list_says_what_the_policy_makes_of_it(client, mia, mules):
    page = client.get(LIST).content.decode()

    assert "read by rules only" in page


def test_the_page_of_lists_asks_as_often_for_many_as_for_few(client, mia, django_assert_num_queries):
    with CaptureQueriesContext(connection) as few:
        client.get(LIST)
    for number in range(10):
        NamedList.objects.create(name=f"list-{number}", title="One more")

    with django_assert_num_queries(len(few)):
        client.get(LIST)


def test_a_list_that_a_rule_asks_for_stays(client, mia, mules):
    publish(RuleDraft("known-mule", "in_list(card_id, 'mules')", "review", "A known mule"))

    response = client.post(f"{LIST}{mules.pk}/delete/", {"post": "yes"})

    assert response.status_code == 403
    with pytest.raises(ListInUseError, match="rule known-mule asks"):
        delete_list(list_id=mules.pk)
    assert NamedList.objects.filter(name="mules").exists()
