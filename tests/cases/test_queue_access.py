"""Who sees the cases of a queue with members: everywhere a case is shown."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission
from django.urls import reverse

from cases import live
from cases.board import Wish
from cases.models import Case
from cases.queries import queue as queue_queries
from cases.services import claims, verdicts
from tests.cases.test_live import in_event_loop, watching
from tests.factories import NOON, flag, make_case, make_decision, make_queue, make_user

pytestmark = pytest.mark.django_db
NEED_CASE = ["case_detail", "claim", "release", "skip", "verdict", "add_note", "look", "escalate"]
MESSAGE = {"verdict": "inconclusive", "note": "x"}


@pytest.fixture
def ann():
    return make_user(username="ann")


@pytest.fixture
def hidden(ann):
    """A case in a queue of which only ann is a member."""
    decision = make_decision(card_id="card-secret", merchant_id="m-nordic", device_id="device-1")
    return make_case(decisions=[decision], queue=make_queue("secret", members=[ann]))


@pytest.fixture
def page(client):
    def look(user, address):
        client.force_login(user)
        return client.get(address).content.decode()

    return look


@pytest.mark.parametrize("name", NEED_CASE)
def test_who_is_no_member_neither_sees_it_nor_does_anything_to_it(client, alice, hidden, name):
    client.force_login(alice)
    method = client.get if name == "case_detail" else client.post
    before = Case.objects.values().get()

    response = method(reverse(name, args=[hidden.id]), MESSAGE)

    assert response.status_code == 403
    assert "a queue that you are not a member of" in response.content.decode()
    assert Case.objects.values().get() == before
    assert list(hidden.events.values_list("kind", flat=True)) == ["opened"]


@pytest.mark.parametrize("role", ["lead", "manager", "auditor"])
def test_leads_managers_and_auditors_see_every_queue(page, hidden, role):
    user = make_user(role)

    assert str(hidden.id) in page(user, "/queue/")
    assert "1,249.00" in page(user, hidden.get_absolute_url())


@pytest.mark.parametrize("model", ["case", "caseevent", "handling"])
def test_the_admin_shows_it_to_members_only(page, alice, ann, hidden, model):
    claims.claim(case=hidden, analyst=ann, now=NOON)
    for user in (alice, ann):
        user.is_staff = True
        user.save()
        user.user_permissions.set(Permission.objects.filter(codename=f"view_{model}"))

    assert "0 " in page(alice, f"/admin/cases/{model}/").split('class="paginator"')[1][:200]
    assert "0 " not in page(ann, f"/admin/cases/{model}/").split('class="paginator"')[1][:200]


def test_a_member_sees_it(page, ann, hidden):
    assert str(hidden.id) in page(ann, "/queue/?queue=secret")
    assert "1,249.00" in page(ann, hidden.get_absolute_url())


def test_a_group_makes_members(page, alice, hidden):
    hidden.queue.groups.set(alice.groups.all())

    assert str(hidden.id) in page(alice, "/queue/")


def test_the_queue_of_others_has_neither_row_nor_tab_nor_count(page, alice, hidden):
    make_case()

    for address in ("/queue/", "/queue/?queue=secret"):
        text = page(alice, address)
        assert str(hidden.id) not in text
        assert "Secret" not in text
        assert "<title>(1) Queue" in text
        assert '<span class="num" data-open-count>1</span>' in text


def test_the_tabs_count_the_queues_one_sees(alice, ann, hidden):
    make_queue("large")
    make_queue("closed", is_enabled=False)
    make_case()

    def tabs(user):
        return {tab.title: tab.count for tab in queue_queries.open_cases(wish=Wish(), user=user, now=NOON).tabs}

    assert tabs(alice) == {"All queues": 1, "General": 1, "Large": 0}
    assert tabs(ann) == {"All queues": 2, "Secret": 1, "General": 1, "Large": 0}


@pytest.mark.parametrize(
    "address", ["/search/?q=card-secret", "/entities/card/card-secret/", "/entities/merchant/m-nordic/"]
)
def test_payments_are_found_but_the_case_is_not_named(page, alice, ann, hidden, address):
    link = hidden.get_absolute_url()

    assert link in page(ann, address)
    text = page(alice, address)
    assert "1,249.00" in text
    assert link not in text


def test_related_payments_do_not_name_it(page, alice, ann, hidden):
    verdicts.record(case=hidden, analyst=ann, verdict="inconclusive", typology="", note="", decided_at=NOON)
    mine = make_case(decisions=[make_decision(card_id="card-mine", device_id="device-1")])

    assert hidden.get_absolute_url() in page(ann, mine.get_absolute_url())
    text = page(alice, mine.get_absolute_url())
    assert "card-secret" in text
    assert hidden.get_absolute_url() not in text


def test_the_live_page_shows_no_entry_of_it(page, alice, ann):
    make_queue("secret", members=[ann])
    case = flag(make_decision())

    assert case.queue.slug == "secret"
    assert str(case.id) in page(ann, "/live/")
    assert str(case.id) not in page(alice, "/live/")


@pytest.mark.django_db(transaction=True)
@in_event_loop
async def test_the_feed_sends_no_entry_of_it_not_even_of_a_queue_made_since(alice, ann):
    async with watching(alice) as hers, watching(ann) as anns:
        for browser in (hers, anns):
            await browser.send({"after": 0})
        await sync_to_async(make_queue)("secret", members=[ann])
        await sync_to_async(lambda: flag(make_decision()))()
        sent = [await browser.receive() for browser in (hers, anns)]

    assert [len(message["entries"]) for message in sent] == [0, 1]
    assert [message["seq"] for message in sent] == [1, 1]


@pytest.mark.django_db(transaction=True)
@in_event_loop
async def test_browsers_are_told_of_the_queues_their_people_see(alice, ann):
    secret = await sync_to_async(make_queue)("secret", members=[ann], takes_new=False)
    async with watching(alice) as hers, watching(ann) as anns:
        await sync_to_async(live.push_queues)({secret.id: 3}, minutes=10)
        told = await anns.receive()
        assert await hers.receive_nothing()

    assert told == {"type": "queues", "due": [{"queue": "Secret", "cases": 3}], "minutes": 10}
