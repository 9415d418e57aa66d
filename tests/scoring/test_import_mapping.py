"""The mapping file: a mistake is one sentence that names what was probably meant; values come out as meant."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.importing.mapping import MappingError, check_columns, load_mapping
from scoring.importing.values import label_key, time_converter, to_amount, to_category, to_plain, to_text

GOOD = """
[columns]
transaction_id = "id"
occurred_at = "time"
amount = "paid"
card_id = "card"
merchant_id = "shop"
[constants]
currency = "EUR"
"""
LABEL = '[label]\ncolumn = "fraud"\nfraud = [1]\nsource = "chargeback"\n'


@pytest.fixture
def write(tmp_path):
    def write_mapping(text: str):
        path = tmp_path / "mapping.toml"
        path.write_text(text)
        return path

    return write_mapping


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "[colums]\n", "unknown section: 'colums'; did you mean 'columns'"),
        (GOOD.replace("card_id", "cardid"), "'cardid'; did you mean 'card_id'"),
        (GOOD.replace('amount = "paid"\n', ""), "'amount' is required"),
        (GOOD.replace("EUR", "Euro"), "currency"),
        (GOOD + 'amount = "1"\n', "'amount' is in"),
        (GOOD + "[constants]\n", "not valid TOML"),
        ('[constants]\ncurrency = "EUR"\n', "columns"),
        (GOOD.replace('"id"', "7"), "columns"),
        (GOOD + '[prefix]\namount = "x"\n', "unknown field in"),
        (GOOD + '[time]\ntimezone = "Paris"\n', "no time zone"),
        (GOOD + '[time]\noccurred_at = "epoch"\n', "none of iso, epoch_seconds"),
        (GOOD + LABEL, "delay_days or known_at_column"),
        (GOOD + LABEL + "delay_days = -1\n", "delay_days must be"),
        (GOOD + LABEL + "delay_days = 7\nlegitimate = [1.0]\n", "stands for fraud and for legitimate"),
        (GOOD + LABEL.replace("chargeback", "bank") + "delay_days = 7\n", "source"),
        (GOOD + LABEL + "delay = 7\n", "did you mean 'delay_days'"),
        (GOOD + '[extra]\ncolumn = ["a"]\n', "did you mean 'columns'"),
        ("\x00", "not valid TOML"),
    ],
)
def test_a_mistake_is_one_sentence(text, words, write):
    with pytest.raises(MappingError, match=words) as failed:
        load_mapping(write(text))

    assert "\n" not in str(failed.value)


def test_a_mapping_that_is_not_there_is_said(tmp_path):
    with pytest.raises(MappingError, match="No such file"):
        load_mapping(tmp_path / "none.toml")


def test_a_column_the_file_does_not_have_is_named_with_the_nearest(write):
    mapping = load_mapping(write(GOOD))

    with pytest.raises(MappingError, match="no column 'paid'; did you mean 'Paid'"):
        check_columns(mapping, ["id", "time", "Paid", "card", "shop"], is_complete=True)


def test_an_optional_column_may_be_absent_from_the_first_json_rows(write):
    mapping = load_mapping(write(GOOD.replace("[constants]", 'device_id = "device"\n[constants]')))

    check_columns(mapping, ["id", "time", "paid", "card", "shop"], is_complete=False)
    with pytest.raises(MappingError, match="no column 'card'"):
        check_columns(mapping, ["id", "time", "paid", "shop"], is_complete=False)


@given(st.integers(1, 10**15), st.integers(1, 9))
def test_an_amount_in_cents_survives_a_float_and_its_sums(cents, parts):
    amount = cents / 100

    assert to_amount(amount) == Decimal(cents) / 100
    assert to_amount(sum([amount / parts] * parts)) == Decimal(cents) / 100 or cents > 10**13


@given(st.decimals(min_value=0, max_value=10**12, places=4))
def test_an_amount_as_text_is_taken_by_its_digits(amount):
    assert to_amount(str(amount) if amount else "0") == amount


@pytest.mark.parametrize("text", ["1_000", "NaN", "1,5", "", " 1", "0x1"])
def test_what_only_python_calls_a_number_is_none(text):
    with pytest.raises(ValueError, match="number"):
        to_amount(text)


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1970 < moment.year < 2100))
def test_a_time_reads_the_same_in_every_format(moment):
    aware = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = round(aware.timestamp() * 1000)
    pattern = "%d.%m.%Y %H:%M:%S.%f"

    assert time_converter("iso", None)(aware.isoformat()) == aware
    assert time_converter("iso", ZoneInfo("UTC"))(aware.replace(tzinfo=None)) == aware
    assert time_converter("epoch_milliseconds", None)(milliseconds) == aware
    assert time_converter("epoch_seconds", None)(f"{milliseconds / 1000:.3f}") == aware
    assert time_converter(pattern, ZoneInfo("UTC"))(aware.strftime(pattern)) == aware


def test_a_naive_time_without_a_timezone_is_refused():
    with pytest.raises(ValueError, match="timezone"):
        time_converter("iso", None)("2024-03-01T08:00:00")


@given(st.integers(0, 10**18))
def test_a_whole_number_is_the_same_text_from_every_format(number):
    assert to_text(number) == str(number)
    assert to_text(str(number)) == str(number)
    assert number > 2**53 or to_text(float(number)) == str(number)


def test_a_category_read_as_a_number_gets_its_zeros_back():
    assert [to_category(742), to_category(742.0), to_category("0742")] == ["0742"] * 3


def test_a_label_s_value_is_the_same_from_every_format():
    assert {label_key(value) for value in (1, "1", 1.0, " 1")} == {"1"}
    assert {label_key(value) for value in (True, "True", "TRUE")} == {"true"}


def test_extra_keeps_only_what_json_gives_back_equal():
    assert to_plain({"a": [Decimal("1.5"), math.inf, 2**70], "b": datetime(2024, 3, 1, tzinfo=UTC)}) == {
        "a": [1.5, None, str(2**70)],
        "b": "2024-03-01T00:00:00+00:00",
    }
