"""Several people and files that change the same entries at once, in another order."""

from functools import partial
from io import StringIO
from threading import Event

import pytest
from django.db import connection, transaction
from django.utils.timezone import now

from scoring.models import ListEntry, ListShape, NamedList
from scoring.services import list_imports
from scoring.services.list_imports import Order, import_file
from scoring.services.lists import add_list_entry, remove_list_entries
from tests.cases.test_alerts import in_threads
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)
HEAD = "entity,value,reason\n"
# The file names them in another order than a verdict puts them on.
FILE = HEAD + "ip,192.0.2.7,file\ndevice,d-1,file\ncard,c-1,file\n"


def put(author, entity, value, list_name="block"):
    add_list_entry(list_name=list_name, entity=entity, value=value, reason="verdict", expires_at=None, author=author)


def take(author, text, *, mode="add", list_name="block"):
    return import_file(StringIO(text), Order(list_name, mode, "f.csv"), author=author, at=now())


def backend():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def wait_until_somebody_waits_for(pid):
    with connection.cursor() as cursor:
        for _ in range(20_000):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))", [pid])
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


def meet(author, first, second, *, then):
    """`then` comes to wait for an entry of `first`, put on by a transaction that goes on to `second`."""
    holds = Event()

    def verdict():
        with transaction.atomic():
            put(author, *first)
            holds.set()
            wait_until_somebody_waits_for(backend())
            for one in second:
                put(author, *one)

    def other():
        assert holds.wait(20)
        return then()

    return in_threads(verdict, other)


@pytest.mark.parametrize("chunk", [1, 50_000])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_and_a_verdict_that_change_the_same_both_come_through(monkeypatch, chunk, is_there):
    monkeypatch.setattr(list_imports, "_ROWS_AT_ONCE", chunk)
    mia = make_user("manager")
    if is_there:
        take(mia, FILE)

    verdict, done = meet(mia, ("card", "c-1"), [("device", "d-1"), ("ip", "192.0.2.7")], then=partial(take, mia, FILE))

    assert verdict is None
    assert done.put_on == 3
    assert set(ListEntry.objects.values_list("entity", "reason")) == {
        ("card", "file"), ("device", "file"), ("ip", "file"),
    }  # fmt: skip


@pytest.mark.parametrize("chunk", [1, 50_000])
def test_a_replacing_file_and_a_verdict_on_what_goes_both_come_through(monkeypatch, chunk):
    monkeypatch.setattr(list_imports, "_ROWS_AT_ONCE", chunk)
    mia = make_user("manager")
    take(mia, FILE)
    replacing = partial(take, mia, HEAD + "card,c-1,new\ncard,c-2,new\n", mode="replace")

    verdict, done = meet(mia, ("card", "c-1"), [("device", "d-1"), ("ip", "192.0.2.7")], then=replacing)

    assert verdict is None
    assert (done.put_on, done.taken_off) == (2, 2)
    assert set(ListEntry.objects.values_list("value", "reason")) == {("c-1", "new"), ("c-2", "new")}


def test_several_taken_off_by_hand_and_a_verdict_on_them_both_come_through():
    mia = make_user("manager")
    take(mia, FILE)
    removing = partial(remove_list_entries, entries=ListEntry.objects.all(), reason="x", author=mia)

    verdict, removed = meet(mia, ("card", "c-1"), [("device", "d-1"), ("ip", "192.0.2.7")], then=removing)

    assert verdict is None
    assert removed == 3
    assert not ListEntry.objects.exists()


def test_new_networks_of_two_lists_both_come_through():
    mia = make_user("manager")
    NamedList.objects.create(name="mules", title="Mules")
    networks = [("ip", f"10.0.0.0/{length}", "mules") for length in range(9, 32)]
    file = HEAD + "".join(f"ip,{network},x\n" for _, network, _ in reversed(networks))

    verdict, done = meet(mia, networks[0], networks[1:], then=partial(take, mia, file))

    assert verdict is None
    assert done.put_on == ListShape.objects.count() == 23
