"""Files into lists and out of them."""

from datetime import timedelta
from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from scoring.admin.list_files import export_lines
from scoring.models import ListChange, ListEntry, ListImport, ListShape, NamedList
from scoring.queries_lists import list_hits
from scoring.rules.list_files import Given, UnreadableListError
from scoring.services import list_imports
from scoring.services.list_imports import FileRefusedError, Order, import_file
from scoring.services.lists import UnknownListError, add_list_entry
from tests.factories import DAY, make_user
from tests.scoring.payments import make_payment

HEAD = "entity,value,reason,expires_at\n"
FILE = HEAD + (
    "card,card-1,stolen,\n"
    "ip,198.51.100.0/24,hosting,2090-01-01\n"
    "card_prefix,tok-55,test cards,2090-01-01T12:00:00+02:00\n"
    "country,fr,sanctions,\n"
)


@pytest.fixture
def mia(db):
    return make_user("manager")


@pytest.fixture
def mules(mia):
    return NamedList.objects.create(name="mules", title="Mules")


def take(text, author, *, mode="add", given=None, **others):
    order = Order("mules", mode, "mules.csv", given or Given(), **others)
    return import_file(StringIO(text, newline=""), order, author=author, at=now())


def standing():
    return list(ListEntry.objects.order_by("id").values_list("entity", "value", "reason"))


def exported():
    async def read():
        return "".join([part async for part in export_lines("mules")])

    return async_to_sync(read)()


def test_a_file_puts_its_lines_on_the_list_and_payments_meet_them(mia, mules):
    done = take(FILE, mia)

    assert (done.lines, done.put_on, done.taken_off, done.skipped) == (4, 4, 0, 0)
    payment = make_payment(card_id="tok-5512", ip_address="198.51.100.9", merchant_country="FR")
    hits = list_hits([payment, make_payment(card_country=None, merchant_country=None)], at=now())
    assert [(hit.entity, hit.value) for hit in hits[0]] == [
        ("card_prefix", "tok-55"),
        ("country", "FR"),
        ("ip", "198.51.100.0/24"),
    ]
    assert [hit.value for hit in hits[1]] == ["card-1"]


def test_each_entry_of_a_file_leaves_a_trace_of_who_from_where_and_when_it_acted(mia, mules):
    take(FILE, mia)

    part_of = ListImport.objects.get()
    assert (part_of.mode, part_of.put_on, part_of.author, part_of.file_name) == ("add", 4, mia, "mules.csv")
    changes = ListChange.objects.order_by("id")
    assert [(one.value, one.author, one.source, one.part_of) for one in changes] == [
        (value, mia, "csv:mules.csv", part_of) for value in ("card-1", "tok-55", "FR", "198.51.100.0/24")
    ]
    assert ListEntry.objects.filter(source="csv:mules.csv", author=mia).count() == 4


def test_the_same_file_once_more_changes_nothing(mia, mules):
    take(FILE, mia)

    assert take(FILE, mia).put_on == 0
    assert ListChange.objects.count() == 4


def test_another_reason_or_end_is_a_change(mia, mules):
    take(HEAD + "card,a,one,\ncard,b,one,\ncard,c,one,\n", mia)

    done = take(HEAD + "card,a,two,\ncard,b,one,2090-01-01\ncard,c,one,\n", mia)

    assert done.put_on == 2
    assert standing() == [("card", "a", "two"), ("card", "b", "one"), ("card", "c", "one")]


def test_wrong_lines_are_named_and_nothing_is_written(mia, mules):
    bad = HEAD + (
        "card,4111 1111 1111 1111,x,\n"
        "crad,a,x,\n"
        "card,a,,\n"
        "ip,192.0.2.7/24,x,\n"
        "card,a,x,tomorrow\n"
        "card,a,x,2001-01-01\n"
        "card,a,x,2090-01-01T12:00:00\n"
        "country,UK,x,\n"
        "card_prefix,abc,x,\n"
        f"card,a,{'x' * 201},\n"
        "card,a,x,9999-12-31T23:59:59-23:59\n"
        "card,good,x,\n"
    )

    with pytest.raises(FileRefusedError) as refused:
        take(bad, mia)

    faults = [(fault.number, fault.field) for fault in refused.value.faults]
    assert faults == [
        (2, "value"), (3, "entity"), (4, "reason"), (5, "value"), (6, "expires_at"), (7, "expires_at"),
        (8, "expires_at"), (9, "value"), (10, "value"), (11, "reason"),
        (12, "expires_at"),
    ]  # fmt: skip
    assert "192.0.2.0/24" in refused.value.faults[3].message
    assert "4111" not in "".join(fault.message for fault in refused.value.faults)
    assert not ListEntry.objects.exists()
    assert not ListImport.objects.exists()


def test_wrong_lines_are_skipped_where_that_is_asked_for(mia, mules):
    done = take(HEAD + "card,a,x,\ncrad,b,x,\n", mia, skips_bad_lines=True)

    assert (done.put_on, done.skipped, done.faults[0].number) == (1, 1, 3)
    assert ListImport.objects.get().skipped == 1


def test_of_many_wrong_lines_the_first_hundred_are_named(mia, mules):
    with pytest.raises(FileRefusedError) as refused:
        take(HEAD + "crad,b,x,\n" * 250, mia)

    assert (len(refused.value.faults), refused.value.total) == (100, 250)


def test_a_line_number_counts_the_lines_of_a_reason_that_has_several(mia, mules):
    with pytest.raises(FileRefusedError) as refused:
        take(HEAD + 'card,a,"two\nlines",\ncrad,b,x,\n', mia)

    assert refused.value.faults[0].number == 4


def test_a_replacing_file_takes_off_what_it_does_not_name(mia, mules):
    take(HEAD + "card,a,x,\ncard,b,x,\ncard,c,x,\n", mia)
    add_list_entry(list_name="block", entity="card", value="a", reason="x", expires_at=None, author=mia)

    done = take(HEAD + "card,b,x,\ncard,d,x,\n", mia, mode="replace")

    assert (done.put_on, done.taken_off) == (1, 2)
    assert set(ListEntry.objects.values_list("list", "value")) == {("mules", "b"), ("mules", "d"), ("block", "a")}
    removed = ListChange.objects.filter(action="removed").order_by("id")
    assert [(one.value, one.author, one.source) for one in removed] == [
        ("a", mia, "csv:mules.csv"),
        ("c", mia, "csv:mules.csv"),
    ]


def test_a_file_without_entries_does_not_empty_a_list(mia, mules):
    take(HEAD + "card,a,x,\n", mia)

    with pytest.raises(UnreadableListError, match="names no entry"):
        take(HEAD, mia, mode="replace")

    assert ListEntry.objects.count() == 1


def test_a_removing_file_takes_off_what_it_names_and_needs_no_reasons(mia, mules):
    take(HEAD + "card,a,x,\ncard,b,x,\n", mia)

    done = take("entity,value,reason\ncard,a,\0\ncard,never,\n", mia, mode="remove")

    assert (done.put_on, done.taken_off) == (0, 1)
    assert standing() == [("card", "b", "x")]


@pytest.mark.parametrize("mode", ["add", "replace", "remove"])
def test_a_check_says_what_the_file_would_do_and_writes_nothing(mia, mules, mode):
    take(HEAD + "card,a,x,\ncard,b,x,\n", mia)
    file = HEAD + "card,b,x,\ncard,c,x,\ncard,c,y,\n"
    before = standing()

    foreseen = take(file, mia, mode=mode, is_trial=True)

    assert standing() == before
    assert ListImport.objects.count() == 1
    done = take(file, mia, mode=mode)
    assert (foreseen.put_on, foreseen.taken_off) == (done.put_on, done.taken_off)


def test_of_two_lines_with_one_value_the_last_holds(mia, mules):
    take(HEAD + "card,a,first,\ncard,a,last,\n", mia)

    assert standing() == [("card", "a", "last")]


def test_values_alone_will_do_for_one_entity_and_reason(mia, mules):
    take("192.0.2.1\n2001:DB8::/32\n", mia, given=Given(entity="ip", reason="proxies"))

    assert standing() == [("ip", "192.0.2.1", "proxies"), ("ip", "2001:db8::/32", "proxies")]
    assert list(ListShape.objects.values_list("entity", "family", "length")) == [("ip", 6, 32)]


def test_a_file_with_semicolons_and_a_byte_order_mark_is_read(mia, mules):
    take("\ufeffEntity;Value;Reason\ncard;a;said, and done\n", mia)

    assert standing() == [("card", "a", "said, and done")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("card,a,x\n", "The first line names the columns"),
        ("entity,value,raeson\n", "Did you mean reason"),
        ("value,value\n", "named twice"),
        ('entity,value,reason\ncard,a,"' + "x" * 200_000, "no CSV"),
    ],
)
def test_what_is_no_list_is_refused_with_the_way_out(mia, mules, text, said):
    with pytest.raises(UnreadableListError, match=said):
        take(text, mia)


def test_characters_that_cannot_be_kept_are_a_wrong_line(mia, mules):
    with pytest.raises(FileRefusedError) as refused:
        take(HEAD + "card,a\0,x,\ncard,a,\0,\n", mia)

    assert [(fault.number, fault.field) for fault in refused.value.faults] == [(2, "value"), (3, "reason")]


def test_an_unknown_list_is_named(mia):
    with pytest.raises(UnknownListError, match="mules"):
        take(FILE, mia)


def test_an_exported_list_is_imported_unchanged(mia, mules):
    reasons = ["=1+1", "'=1", 'said "so"; =x\nand more', "+49 30", " plain ", "'\rx", "é, ü"]
    for number, reason in enumerate(reasons):
        until = now() + DAY if number % 2 else None
        add_list_entry(
            list_name="mules", entity="card", value=f"-card-{number}", reason=reason, expires_at=until, author=mia
        )
    before = list(ListEntry.objects.order_by("id").values_list("entity", "value", "reason", "expires_at"))

    text = exported()

    assert not any(line.startswith(("=", "+", "-", "@")) for line in text.replace(",", "\n").splitlines())
    assert take(text, mia).put_on == 0
    ListEntry.objects.all().delete()
    take(text, mia)
    assert list(ListEntry.objects.order_by("id").values_list("entity", "value", "reason", "expires_at")) == before


def test_an_export_of_more_than_one_piece_is_whole(mia, mules):
    take("".join(f"card-{number}\n" for number in range(5_000)), mia, given=Given(entity="card", reason="x"))

    assert exported().count("\n") == 5_001


def test_a_file_larger_than_a_chunk_is_taken_whole(mia, mules, monkeypatch):
    monkeypatch.setattr(list_imports, "_ROWS_AT_ONCE", 3)
    take("".join(f"card-{number}\n" for number in range(10)), mia, given=Given(entity="card", reason="x"))

    done = take("card-1\nnew\n", mia, mode="replace", given=Given(entity="card", reason="x"))

    assert (done.put_on, done.taken_off) == (1, 9)
    assert ListEntry.objects.count() == 2


def test_a_snooze_of_a_file_ends_within_ninety_days(mia):
    NamedList.objects.create(name="snooze:large", title="Snoozes")
    soon, late = now() + 30 * DAY, now() + 91 * DAY
    text = HEAD + f"card,a,x,{soon.isoformat()}\ncard,b,x,{late.isoformat()}\ncard,c,x,\n"

    with pytest.raises(FileRefusedError) as refused:
        import_file(StringIO(text), Order("snooze:large", "add", "f.csv"), author=mia, at=now())

    assert [fault.number for fault in refused.value.faults] == [3, 4]


def test_the_command_takes_a_file_and_says_what_it_did(mia, mules, tmp_path, capsys):
    (tmp_path / "mules.csv").write_text(FILE)

    call_command("import_list", "mules", tmp_path / "mules.csv", "--by", "mia")

    assert "put on 4" in capsys.readouterr().out
    assert ListEntry.objects.filter(author=mia).count() == 4


def test_the_command_names_wrong_lines_and_writes_nothing(mia, mules, tmp_path, capsys):
    (tmp_path / "bad.csv").write_text("value\ncard-1\n")

    with pytest.raises(CommandError, match="1 line of the file"):
        call_command("import_list", "mules", tmp_path / "bad.csv", "--by", "mia", "--entity", "card")

    assert "line 2: reason: Say why" in capsys.readouterr().err
    assert not ListEntry.objects.exists()


@pytest.mark.parametrize("wrong", [("nobody",), ("nofile",), ("nolist",), ("latin",)])
def test_the_command_says_what_is_not_there(mia, mules, tmp_path, wrong):
    file = tmp_path / "mules.csv"
    file.write_bytes(
        FILE.encode() if wrong != ("latin",) else "entity,value,reason\ncard,a,M\xfcller\n".encode("latin1")
    )
    name = "other" if wrong == ("nolist",) else "mules"
    path = tmp_path / "gone.csv" if wrong == ("nofile",) else file

    with pytest.raises(CommandError):
        call_command("import_list", name, path, "--by", "nobody" if wrong == ("nobody",) else "mia")

    assert not ListEntry.objects.exists()


def test_an_import_acts_from_the_time_at_which_it_was_done(mia, mules):
    began = now()

    take(FILE, mia)

    assert began - timedelta(seconds=1) < ListImport.objects.get().happened_at <= now()
