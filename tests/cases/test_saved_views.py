"""Views of the queue under a name: kept, shared, counted, opened with, changed and deleted."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from cases.board import Wish
from cases.models import DefaultView, SavedView
from cases.queries import queue as queue_queries
from cases.recent import Recent
from cases.services import saved_views
from tests.cases.test_alerts import in_threads
from tests.factories import NOON, make_case, make_queue, make_user

HOSTILE = '<img src=x onerror="alert(1)">'


def save(owner, name="Large", filters=None, **others) -> SavedView:
    return saved_views.save(owner=owner, name=name, filters=filters or {"amount_from": "1000"}, **others)


def text_of(client, address="/queue/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_a_filter_is_kept_as_its_form_has_checked_it(as_alice, alice):
    address = "amount_from=1,000.00&currency=eur&text=&sort=age&view=mine&evil=1"

    response = as_alice.post("/queue/views/add/", {"name": " Large ", "address": address}, follow=True)

    view = SavedView.objects.get()
    assert (view.owner, view.name, view.is_shared) == (alice, "Large", False)
    assert view.filters == {"amount_from": "1000", "currency": "EUR", "sort": "age", "view": "mine"}
    assert response.redirect_chain[-1][0] == f"/queue/?saved={view.id}"
    assert "View “Large” saved." in response.content.decode()


def test_each_view_stands_with_its_count_and_chooses_rows(as_alice, alice, bob):
    mine = save(alice)
    save(bob, "Shared", {"amount_to": "5"}, is_shared=True)
    save(bob, "Hidden")
    for amount in (2000, 1500, 3):
        make_case(amount=amount)

    text = text_of(as_alice, f"/queue/?saved={mine.id}")

    assert f'data-view-count="saved_{mine.id}">2<' in text
    assert '<a class="chip" href="?saved=' in text
    assert "Shared" in text
    assert "Hidden" not in text
    assert text.count("<tr data-case") == 2
    assert "amount from 1000" in text


def test_a_view_keeps_the_queue_that_is_looked_at(as_alice, alice):
    view = save(alice)
    make_queue("large")

    assert f'href="?queue=large&amp;saved={view.id}"' in text_of(as_alice, "/queue/?queue=large")
    assert f'href="?saved={view.id}"' in text_of(as_alice)


def test_a_hostile_name_is_text(as_alice, alice):
    save(alice, HOSTILE)

    text = text_of(as_alice)

    assert HOSTILE not in text
    assert "&lt;img src=x" in text


def test_the_queue_opens_with_the_default_view_and_with_all_when_asked(as_alice, alice):
    save(alice, is_default=True)
    make_case(amount=5)

    assert text_of(as_alice).count("<tr data-case") == 0
    assert text_of(as_alice, "/queue/?view=all").count("<tr data-case") == 1


def test_a_shared_view_may_be_the_default_of_many_until_it_is_shared_no_more(as_alice, alice, bob):
    view = save(bob, is_shared=True)
    for person in (alice, bob):
        saved_views.set_default(view, user=person)

    as_alice.force_login(bob)
    as_alice.post(f"/queue/views/{view.id}/", {"name": "Mine alone"})

    assert list(DefaultView.objects.values_list("user__username", flat=True)) == ["bob"]
    assert SavedView.objects.get().name == "Mine alone"


def test_a_default_is_chosen_and_given_up_on_the_page(as_alice, alice, bob):
    view = save(bob, is_shared=True)

    as_alice.post(f"/queue/views/{view.id}/default/")
    assert alice.default_view.view == view
    as_alice.post(f"/queue/views/{view.id}/default/", {"off": "1"})

    assert not DefaultView.objects.exists()


def test_a_view_that_is_gone_is_said_and_all_cases_are_shown(as_alice, bob, case):
    view = save(bob)

    for address in (f"/queue/?saved={view.id}", "/queue/?saved=x"):
        text = text_of(as_alice, address)
        assert "This view was deleted, or is shared no more." in text
        assert text.count("<tr data-case") == 1


@pytest.mark.parametrize("role", ["analyst", "auditor"])
def test_who_may_not_share_keeps_the_view_to_themselves(client, db, role):
    person = make_user(role)
    client.force_login(person)

    client.post("/queue/views/add/", {"name": "Large", "address": "amount_from=1", "is_shared": "on"})

    assert list(SavedView.objects.values_list("owner__username", "is_shared")) == [(person.username, False)]


@pytest.mark.parametrize("role", ["lead", "manager"])
def test_leads_and_managers_share_and_change_what_is_shared(client, db, role):
    view = save(make_user("lead", username="zoe"), is_shared=True)
    client.force_login(make_user(role))
    client.post("/queue/views/add/", {"name": "Ours", "address": "amount_from=1", "is_shared": "on"})

    client.post(f"/queue/views/{view.id}/", {"name": "Renamed", "is_shared": "on"})

    assert set(SavedView.objects.values_list("name", "is_shared")) == {("Ours", True), ("Renamed", True)}


@pytest.mark.parametrize("action", ["", "delete/"])
def test_a_shared_view_is_not_changed_by_who_may_only_use_it(as_alice, bob, action):
    view = save(bob, is_shared=True)

    response = as_alice.post(f"/queue/views/{view.id}/{action}", {"name": "x"}, follow=True)

    assert "only its owner may change it" in response.content.decode()
    assert list(SavedView.objects.values_list("name", "is_shared")) == [("Large", True)]


@pytest.mark.parametrize("action", ["", "delete/", "default/"])
def test_the_private_view_of_another_is_not_there(as_alice, bob, action):
    view = save(bob)

    assert as_alice.post(f"/queue/views/{view.id}/{action}", {"name": "x"}).status_code == 404
    assert SavedView.objects.get().name == "Large"


def test_the_owner_deletes_a_view_and_with_it_the_defaults(as_alice, alice):
    view = save(alice, is_default=True)

    response = as_alice.post(f"/queue/views/{view.id}/delete/", follow=True)

    assert "View “Large” deleted." in response.content.decode()
    assert not SavedView.objects.exists()
    assert not DefaultView.objects.exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "Large"}, "You have a view of this name."),
        ({"name": ""}, "Give the view a name."),
        ({"name": "x" * 41}, "at most 40 characters"),
    ],
)
def test_a_name_that_does_not_do_is_refused_and_the_filter_is_kept(as_alice, alice, given, says):
    save(alice)

    response = as_alice.post("/queue/views/add/", {"address": "currency=EUR", **given})

    assert response.status_code == 422
    assert says in response.content.decode()
    assert "in EUR" in response.content.decode()
    assert SavedView.objects.count() == 1


def test_a_filter_that_is_wrong_is_not_kept(as_alice):
    response = as_alice.post("/queue/views/add/", {"name": "x", "address": "amount_from=x"})

    assert response.status_code == 422
    assert "Not filtered: Amount from" in response.content.decode()
    assert not SavedView.objects.exists()


def test_there_is_room_for_eight_of_ones_own_and_eight_that_are_shared(as_alice, alice, bob):
    for number in range(8):
        save(alice, f"v{number}")
        save(bob, f"s{number}", is_shared=True)

    response = as_alice.post("/queue/views/add/", {"name": "one more", "address": "amount_from=1"})
    assert response.status_code == 422
    assert "There is no room for one more" in response.content.decode()
    with pytest.raises(saved_views.TooManyViewsError):
        save(bob, "s8", is_shared=True)
    save(bob, "his own")


@pytest.mark.django_db(transaction=True)
def test_the_last_place_is_taken_once():
    alice = make_user()
    for number in range(7):
        save(alice, f"v{number}")

    results = in_threads(*[partial(save, alice, f"new{number}") for number in range(4)])

    assert sum(isinstance(result, saved_views.TooManyViewsError) for result in results) == 3
    assert SavedView.objects.count() == 8


def test_the_database_keeps_names_apart_and_filled(alice):
    save(alice)
    for name in ("Large", ""):
        with pytest.raises(IntegrityError), transaction.atomic():
            SavedView.objects.create(owner=alice, name=name, filters={})


def test_views_cost_one_look_at_the_open_cases_however_many_there_are(
    as_alice, alice, bob, case, django_assert_num_queries
):
    save(alice, "first", {"risk": "high"})
    with django_assert_num_queries(16):
        as_alice.get("/queue/?view=all")
    for number in range(7):
        save(alice, f"v{number}", {"reason": "x", "risk": "high", "by": "bob", "text": str(number)})
        save(bob, f"s{number}", is_shared=True)

    with django_assert_num_queries(16):
        as_alice.get("/queue/?view=all")
    with django_assert_num_queries(15):
        as_alice.get("/queue/?view=all")


def test_the_rows_read_again_bring_no_counts_of_views(as_alice, alice, case):
    save(alice, filters={"risk": "high"})

    assert "saved_" in text_of(as_alice)
    assert "saved_" not in as_alice.get("/queue/", headers={"HX-Request": "true"}).content.decode()


def test_a_persons_views_are_counted_anew_after_half_a_minute_or_when_they_are_others(alice, bob):
    views = [save(alice, filters={"amount_from": "1000"})]
    make_case(amount=2000)

    def count(person, after):
        wish = {"wish": Wish(), "saved": views, "user": person, "now": NOON + timedelta(seconds=after)}
        return [view.count for view in queue_queries.open_cases(**wish).saved_views]

    assert count(alice, 0) == [1]
    make_case(amount=3000)
    assert count(alice, 29) == [1]
    assert count(bob, 29) == [2]
    assert count(alice, 30) == [2]
    views[0].filters = {"amount_from": "2500"}
    assert count(alice, 31) == [1]


def test_the_process_keeps_only_so_many_counts():
    kept = Recent(most=2, age=timedelta(seconds=30))
    for key in "abc":
        kept.put(key, key, NOON)

    assert [kept.get(key, NOON) for key in "abc"] == [None, "b", "c"]


def test_a_view_with_a_choice_that_is_none_any_more_breaks_nobodys_queue(as_alice, bob, case):
    old = SavedView.objects.create(
        owner=bob, name="Old", filters={"risk": "sky-high", "due": "7", "claimed": "x", "gone": "1"}, is_shared=True
    )

    assert text_of(as_alice).count("<tr data-case") == 1
    response = as_alice.get(f"/queue/?saved={old.id}")
    assert response.status_code == 422
    assert "Not filtered: Risk – Choose one of the list." in response.content.decode()


def test_the_page_with_a_refused_name_is_read_again_from_the_queue(as_alice, alice):
    save(alice)

    text = as_alice.post("/queue/views/add/", {"name": "Large", "address": "currency=EUR"}).content.decode()

    assert 'data-queue-url="/queue/?currency=EUR"' in text
