"""What a file is by its bytes, and the name it may keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import files
from tests.cases.files_at_hand import BAD, GOOD, NOT_KEPT

KINDS = ["pdf", "png", "jpeg", "jpeg", "webp", "txt", "csv", "eml"]


@pytest.mark.parametrize(("name", "kind"), list(zip(GOOD, KINDS, strict=True)))
def test_the_kinds_that_are_kept_are_known_by_their_bytes(name, kind):
    assert files.kind_of(name, GOOD[name]) == kind


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_what_its_name_says_is_refused(name):
    with pytest.raises(files.FileRefusedError, match="something else or broken"):
        files.kind_of(name, BAD[name])


@pytest.mark.parametrize("name", NOT_KEPT)
def test_other_kinds_are_refused(name):
    with pytest.raises(files.FileRefusedError, match="ends in none of these"):
        files.kind_of(name, NOT_KEPT[name])


def test_an_empty_file_is_refused():
    with pytest.raises(files.FileRefusedError, match="empty"):
        files.kind_of("a.txt", b"")


@given(st.binary(max_size=300), st.sampled_from(list(GOOD)))
def test_no_bytes_break_the_look_at_them(data, name):
    for content in (data, GOOD[name][:20] + data, GOOD[name] + data):
        try:
            kind = files.kind_of(name, content)
        except files.FileRefusedError:
            continue
        assert kind in files.CONTENT_TYPES


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("statement.pdf", "statement.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\x\\a.txt", "a.txt"),
        ("exe\u202egpj.txt", "exegpj.txt"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie_ x.txt"),
        ('"><img src=x>.png', "___img src=x_.png"),
        ("...", "file"),
        ("", "file"),
        ("Rechnung Übersicht.pdf", "Rechnung Übersicht.pdf"),
    ],
)
def test_names_keep_nothing_that_hides_or_breaks(name, kept):
    assert files.safe_name(name) == kept


@given(st.text(max_size=400))
def test_any_name_becomes_a_safe_one(name):
    kept = files.safe_name(name)

    assert 1 <= len(kept) <= files.MAX_NAME
    assert not set(kept) & set('/\\:*?"<>|\r\n\0\u202e')
    assert files.safe_name(kept) == kept


def test_a_long_name_keeps_its_ending():
    assert files.safe_name("x" * 300 + ".pdf").endswith("xxx.pdf")
