"""Tags: short plain words on cases."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cases import tags
from cases.models import CaseTag, Tag
from cases.queries.casework import suggested_tags
from cases.services import tags as tag_service
from tests.factories import HOUR, MINUTE, NOON, make_case, make_user

HTMX = {"HX-Request": "true"}


@pytest.fixture
def url(case):
    return lambda name: reverse(name, args=[case.id])


def add(case, author, *names, at=NOON):
    return tag_service.add_tags(case=case, names=names, author=author, now=at)


def names_on(case):
    return [tag.name for tag in case.tags.order_by("name")]


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("Mule", ["mule"]),
        ("#Ring 7,  called_bank ,mule", ["ring-7", "called_bank", "mule"]),
        ("a,A,, a", ["a"]),
        ("x" * 32, ["x" * 32]),
    ],
)
def test_tags_are_made_alike(written, names):
    assert tags.names_in(written) == names


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "Write a tag"),
        (" , ", "Write a tag"),
        ("<script>", "is no tag"),
        ("überweisung", "is no tag"),
        ("-mule", "is no tag"),
        ("mu\u202ele", "is no tag"),
        ("ok, <b>", "“<b>”"),
        ("x" * 33, "too long"),
    ],
)
def test_what_is_no_tag_is_refused_with_the_reason(written, said):
    with pytest.raises(tags.TagNameError, match=said):
        tags.names_in(written)


@pytest.mark.parametrize("name", ["", "Mule", "a b", "<b>", "mule\n"])
def test_the_database_keeps_no_other_tags(db, name):
    with pytest.raises(IntegrityError), transaction.atomic():
        Tag.objects.create(name=name, used_at=NOON)


def test_tags_are_added_once_and_the_history_says_which(alice, bob, case):
    assert add(case, alice, "mule", "ring-7") == ["mule", "ring-7"]
    assert add(case, bob, "mule", "new") == ["new"]
    assert add(case, bob, "mule") == []

    assert names_on(case) == ["mule", "new", "ring-7"]
    assert CaseTag.objects.get(case=case, tag__name="mule").added_by == alice
    said = list(case.events.filter(kind="tagged").order_by("id").values_list("actor__username", "text"))
    assert said == [("alice", "added mule, ring-7"), ("bob", "added new")]


def test_a_tag_is_taken_off_once(alice, case):
    add(case, alice, "mule")

    assert tag_service.remove_tag(case=case, name="mule", actor=alice, now=NOON)
    assert not tag_service.remove_tag(case=case, name="mule", actor=alice, now=NOON)

    assert names_on(case) == []
    assert case.events.filter(kind="tagged").count() == 2


def test_a_case_has_at_most_20_tags(alice, case):
    add(case, alice, *[f"t{n}" for n in range(19)])

    with pytest.raises(tag_service.TooManyTagsError):
        add(case, alice, "one", "more")
    add(case, alice, "t0", "last")

    assert len(names_on(case)) == 20


def test_the_last_used_tags_that_some_case_has_are_suggested_first(alice, case):
    other = make_case()
    add(case, alice, "old", at=NOON)
    add(case, alice, "gone", at=NOON + MINUTE)
    add(case, alice, "young", at=NOON + 2 * MINUTE)
    add(other, alice, "old", at=NOON + HOUR)
    tag_service.remove_tag(case=case, name="gone", actor=alice, now=NOON + HOUR)

    assert suggested_tags() == ["old", "young"]


def test_a_plain_form_adds_and_returns_to_the_case(as_alice, case, url):
    assert as_alice.post(url("tags"), {"tags": "Mule"}).url == case.get_absolute_url()
    assert '<span class="visually-hidden">tag </span>mule' in as_alice.get(url("case_detail")).content.decode()

    assert as_alice.post(url("remove_tag"), {"name": "mule"}).url == case.get_absolute_url()
    assert names_on(case) == []


def test_the_dialog_stays_and_the_header_follows(as_alice, case, url):
    text = as_alice.post(url("tags"), {"tags": "mule"}, headers=HTMX).content.decode()

    assert 'aria-label="Take off mule"' in text
    assert 'id="case-tags" class="tags" hx-swap-oob="true"' in text
    assert "<html" not in text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_hostile_text_is_refused_and_shown_as_text(as_alice, case, url, headers):
    response = as_alice.post(url("tags"), {"tags": "<img src=x>"}, headers=headers)

    assert response.status_code == 422
    assert "“&lt;img src=x&gt;” is no tag" in response.content.decode()
    assert "<img src=x" not in response.content.decode()
    assert not Tag.objects.exists()


def test_too_many_are_refused_on_the_page(as_alice, case, url):
    response = as_alice.post(url("tags"), {"tags": ",".join(f"t{n}" for n in range(21))})

    assert response.status_code == 422
    assert "20 tags at most" in response.content.decode()
    assert names_on(case) == []


def test_the_queue_shows_three_tags_and_how_many_more(as_alice, alice, case):
    add(case, alice, "a", "b", "c", "d", "e")

    text = as_alice.get("/queue/").content.decode()

    assert text.count('<span class="tag">') == 3
    assert 'title="a, b, c, d, e">+2<' in text


def test_tags_take_the_queue_one_query_however_many_rows(as_alice, alice, case):
    add(case, alice, "mule")
    as_alice.get("/queue/")
    with CaptureQueriesContext(connection) as few:
        as_alice.get("/queue/")
    for number in range(4):
        add(make_case(), alice, "mule", f"t{number}")
    with CaptureQueriesContext(connection) as more:
        as_alice.get("/queue/")

    assert len(more) == len(few)


def test_suggestions_are_for_those_who_tag(client, as_alice, alice, case):
    add(case, alice, "mule")

    assert '<option value="mule">' in as_alice.get(reverse("suggested_tags")).content.decode()
    client.force_login(make_user("auditor"))
    assert client.get(reverse("suggested_tags")).status_code == 403
