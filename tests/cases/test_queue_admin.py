"""Managers edit queues in the admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, transaction

from cases.models import Queue
from cases.services.queues import default_queue
from tests.factories import make_case, make_queue, make_user

pytestmark = pytest.mark.django_db
ADD = "/admin/cases/queue/add/"


def fields(**overrides):
    values = {
        "title": "Large", "slug": "large", "is_enabled": "on", "takes_new": "on", "position": "10",
        "condition": "amount >= 500", "half_life_minutes": "30", "sla_minutes": "60", "warn_minutes": "10",
        "on_timeout": "nothing", "default_verdict": "", "escalates_to": "",
    }  # fmt: skip
    return {name: value for name, value in (values | overrides).items() if value is not None}


def edit(queue):
    return f"/admin/cases/queue/{queue.id}/change/"


def test_a_manager_makes_a_queue_and_the_history_says_who(as_mia, mia, alice):
    response = as_mia.post(ADD, fields(members=[alice.id]))

    queue = Queue.objects.get(slug="large")
    assert response.status_code == 302
    assert list(queue.members.all()) == [alice]
    assert LogEntry.objects.get().user == mia


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"condition": "amuont > 5"}, "There is no field `amuont`. Did you mean `amount`?"),
        ({"condition": "amount > 'x'"}, "compares a number with a text"),
        ({"condition": "amount >"}, "it ends where a field, a number"),
        ({"least_similarity": "1.01"}, "less than or equal to 1.0"),
        ({"least_similarity": "-0.1"}, "greater than or equal to 0.0"),
        ({"least_similarity": "nan"}, "Enter a number"),
        ({"warn_minutes": "60"}, "fewer minutes than the SLA"),
        ({"on_timeout": "escalate"}, "Choose the queue that a case goes to"),
        ({"on_timeout": "decide"}, "Choose the verdict"),
        ({"half_life_minutes": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_is_refused_naming_the_place(as_mia, wrong, said):
    response = as_mia.post(ADD, fields(**wrong))

    assert response.status_code == 200
    assert said in response.content.decode().replace("&#x27;", "'")
    assert not Queue.objects.filter(slug="large").exists()


def test_escalations_do_not_go_in_circles(as_mia):
    last = make_queue("last")
    first = make_queue("first", escalates_to=last)

    response = as_mia.post(edit(last), fields(title="Last", slug="last", escalates_to=first.id))

    assert "an escalation must end somewhere" in response.content.decode()


def test_the_default_queue_keeps_taking_everything(as_mia):
    queue = default_queue()

    response = as_mia.post(edit(queue), fields(title="General", slug="general", condition="amount > 5"))

    assert "takes what no other takes" in response.content.decode()
    assert as_mia.post(edit(queue), fields(title="All", slug="all", condition="", sla_minutes="90")).status_code == 302
    assert Queue.objects.get(is_default=True).sla_minutes == 90


def test_a_condition_that_names_a_feature_of_before_is_shown_with_what_is_wrong(as_mia):
    make_queue("old", condition="card_gone > 5")

    assert "NOTHING: There is no field `card_gone`" in as_mia.get("/admin/cases/queue/").content.decode()


def test_a_queue_in_use_is_not_deleted_and_it_is_said_why(as_mia):
    queue = make_queue()
    make_case(queue=queue)

    response = as_mia.post(f"/admin/cases/queue/{queue.id}/delete/", {"post": "yes"}, follow=True)

    assert "Large has cases, open or decided" in response.content.decode()
    assert Queue.objects.filter(id=queue.id).exists()


@pytest.mark.parametrize("which", ["default", "target"])
def test_a_queue_that_others_need_is_not_deleted(as_mia, which):
    queue = make_queue("target")
    make_queue(escalates_to=queue)
    queue = default_queue() if which == "default" else queue

    as_mia.post(f"/admin/cases/queue/{queue.id}/delete/", {"post": "yes"})

    assert Queue.objects.filter(id=queue.id).exists()


def test_an_unused_queue_is_deleted(as_mia, alice):
    queue = make_queue(members=[alice])

    as_mia.post(f"/admin/cases/queue/{queue.id}/delete/", {"post": "yes"})

    assert not Queue.objects.filter(id=queue.id).exists()


def test_auditors_read_and_change_nothing(client, aude):
    client.force_login(aude)
    queue = make_queue()

    assert b'name="_save"' not in client.get(edit(queue)).content
    assert client.get(ADD).status_code == 403
    assert client.post(f"/admin/cases/queue/{queue.id}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"is_default": True, "condition": "amount > 5"},
        {"is_default": True, "is_enabled": False},
        {"on_timeout": "escalate"},
        {"on_timeout": "decide"},
        {"warn_minutes": 60, "sla_minutes": 60},
        {"half_life_minutes": 0},
    ],
)
def test_the_database_refuses_what_cannot_work(wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_queue(**wrong)


def test_there_is_one_default_queue():
    default_queue()

    with pytest.raises(IntegrityError), transaction.atomic():
        make_queue(is_default=True)


def test_a_second_default_queue_is_not_made_where_none_was_left():
    Queue.objects.filter(is_default=True).delete()

    assert default_queue() == default_queue()


def test_leads_are_members_of_the_queue_the_migration_made():
    assert Queue.objects.get(slug="leads").groups.get().name == "lead"
    assert default_queue().escalates_to.slug == "leads"
    assert make_user("lead").has_perm("cases.move_case")


def test_the_default_queue_asks_for_no_similarity(as_mia):
    queue = default_queue()
    sent = fields(
        title=queue.title, slug=queue.slug, condition="", least_similarity="0.5", position=str(queue.position)
    )

    response = as_mia.post(edit(queue), sent)

    assert b"no least similarity" in response.content
    with pytest.raises(IntegrityError), transaction.atomic():
        Queue.objects.filter(id=queue.id).update(least_similarity=0.5)
