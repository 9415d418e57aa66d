"""The language's own table and its page in the docs: whole, and every example is one."""

import re
from pathlib import Path

import pytest

from scoring.features.definitions import NAMES
from scoring.rules.cost import MAX_COST
from scoring.rules.describing import describe
from scoring.rules.functions import NAMES as FUNCTIONS
from scoring.rules.language import compile_condition
from scoring.rules.parsing import MAX_DEPTH, MAX_ITEMS, MAX_LENGTH, MAX_PARTS
from scoring.transaction import Transaction

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
LANGUAGE = describe()
PARTS = (*LANGUAGE.functions, *LANGUAGE.operators)
EXAMPLES = [
    line.split("--")[0].strip() for block in re.findall(r"```sql\n(.*?)```", PAGE, re.S) for line in block.splitlines()
]


def test_every_field_of_a_payment_and_every_feature_is_described():
    described = {field.name for field in LANGUAGE.fields}

    assert described == {*Transaction.__struct_fields__, *NAMES, "score", "anomaly_score"} - {"extra"}
    assert all(field.words and "{" not in field.words for field in LANGUAGE.fields)


def test_every_function_is_described_once():
    assert sorted(part.name for part in LANGUAGE.functions) == sorted(FUNCTIONS)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_what_is_described_has_a_condition_that_reads(part):
    assert compile_condition(part.example).fields


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_the_page_says_what_the_table_says(part):
    assert f"| `{part.written}` | {part.gives} | {part.words} | `{part.example}` |" in PAGE


@pytest.mark.parametrize(
    "field", [field for field in LANGUAGE.fields if field.name not in NAMES[1:]], ids=lambda f: f.name
)
def test_the_page_names_every_field_of_the_payment(field):
    assert f"| `{field.name}` | {field.kind} | {field.words} |" in PAGE


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_page_is_a_condition(example):
    assert compile_condition(example).fields


def test_the_page_says_the_limits():
    for name, limit in (("characters", MAX_LENGTH), ("levels of parentheses", MAX_DEPTH), ("values in IN", MAX_ITEMS)):
        assert f"| {name} | {limit:,}" in PAGE
    assert re.search(rf"\| parts .*\| {MAX_PARTS} \|", PAGE)
    assert f"| {MAX_COST:,.0f} ns a payment" in PAGE
