"""The published schema says what is so: of every call, of a payment's limits, of what is refused."""

import msgspec
import pytest
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from scoring.api import schemas
from scoring.api.openapi import PROBLEM
from scoring.api.transaction_schema import WORDS
from scoring.ml.explanations import Reason
from scoring.queries import RecordedDecision
from scoring.services.keys import SCOPES
from scoring.transaction import MAX_AMOUNT, Transaction
from tests.scoring.payments import fields_of

ROOT = "urn:schema"


@pytest.fixture(scope="module")
def published():
    return SchemaGenerator().get_schema(request=None, public=True)


def calls_of(published) -> dict[str, dict]:
    return {f"{method} {path}": call for path, calls in published["paths"].items() for method, call in calls.items()}


def validator(published, schema: dict) -> Draft202012Validator:
    """Of a schema that refers to others of the published one."""
    absolute = Resource.from_contents({"$schema": "https://json-schema.org/draft/2020-12/schema", **published})
    registry = Registry().with_resource(ROOT, absolute)
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator({"$id": ROOT, **published, **schema}, registry=registry, format_checker=checker)


def test_it_is_openapi_3_1_and_names_each_call_once(published):
    names = [call["operationId"] for call in calls_of(published).values()]

    assert published["openapi"].startswith("3.1")
    assert len(names) == len(set(names)) > 20


def test_every_call_says_what_it_does_and_which_scope_it_needs(published):
    tags = {tag["name"] for tag in published["tags"]}

    for name, call in calls_of(published).items():
        (security,) = call["security"]
        (scope,) = security["apiKey"]
        assert scope in SCOPES, name
        assert f"scope `{scope}`" in call["description"], name
        assert 0 < len(call["summary"]) < 110, name
        assert set(call["tags"]) <= tags, name


def test_every_call_names_all_the_refusals_it_shares_with_others(published):
    for name, call in calls_of(published).items():
        expected = {"401", "403", "406", "429", "503"}
        if "requestBody" in call:
            expected |= {"413", "415", "422"}
        assert expected <= call["responses"].keys(), name


def test_every_refusal_is_a_problem_in_words(published):
    for name, call in calls_of(published).items():
        for status, answer in call["responses"].items():
            assert answer["description"], (name, status)
            assert set(answer.get("content", {})) <= {PROBLEM if status >= "400" else "application/json"}, (
                name,
                status,
            )
            if status in ("429", "503"):
                assert answer["headers"]["Retry-After"]["required"], (name, status)


def test_whatever_is_sent_and_answered_has_an_example(published):
    for name, call in calls_of(published).items():
        body = call.get("requestBody", {}).get("content", {}).get("application/json")
        if body and _properties(published, body["schema"]):
            assert body["examples"], name
        for status, answer in call["responses"].items():
            if status < "300" and "content" in answer:
                assert answer["content"]["application/json"]["examples"], (name, status)


def test_every_example_is_what_the_schema_describes(published):
    for name, call in calls_of(published).items():
        contents = [answer["content"] for answer in call["responses"].values() if "content" in answer]
        for content in [call.get("requestBody", {}).get("content", {}), *contents]:
            for described in content.values():
                check = validator(published, described["schema"])
                for example in described.get("examples", {}).values():
                    wrong = [error for error in check.iter_errors(example["value"]) if not _is_shown_wrong(name, error)]
                    assert wrong == [], name


def _is_shown_wrong(name: str, error) -> bool:
    """The example of a batch has a payment that is refused, to show how."""
    return name == "post /api/v1/decisions/batch/" and list(error.path) == ["transactions", 1, "currency"]


def _properties(published, schema: dict) -> dict:
    name = schema["$ref"].rpartition("/")[2]
    return published["components"]["schemas"][name].get("properties", {})


def test_what_is_sent_may_have_no_unknown_fields(published):
    bodies = {
        call["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for call in calls_of(published).values()
        if "requestBody" in call
    }

    for name in bodies:
        assert published["components"]["schemas"][name]["additionalProperties"] is False, name


# --- a payment -----------------------------------------------------------------------------------------------------


def test_the_fields_of_a_payment_are_those_the_decoder_reads(published):
    described = published["components"]["schemas"]["TransactionSchema"]
    fields = msgspec.structs.fields(Transaction)

    assert described["properties"].keys() == WORDS.keys() == {field.name for field in fields}
    assert set(described["required"]) == {field.name for field in fields if field.required}
    assert described["additionalProperties"] is False


def test_the_limits_of_a_payment_are_those_the_decoder_keeps(published):
    described = published["components"]["schemas"]["TransactionSchema"]["properties"]
    keywords = {"ge": "minimum", "le": "maximum", "min_length": "minLength", "max_length": "maxLength"}

    for field in msgspec.inspect.type_info(Transaction).fields:
        types = getattr(field.type, "types", [field.type])
        assert any(isinstance(one, msgspec.inspect.NoneType) for one in types) == (not field.required), field.name
        limits = {
            keywords.get(name, name): value.replace(r"\Z", "$") if name == "pattern" else value
            for one in types
            for name in (*keywords, "pattern")
            if (value := getattr(one, name, None)) is not None
        }
        given = {name: described[field.name].get(name) for name in limits}
        assert given == limits, field.name


@pytest.mark.parametrize(
    ("overrides", "is_right"),
    [
        ({}, True), ({"amount": "12.50"}, True), ({"amount": 12.5}, True), ({"amount": float(MAX_AMOUNT)}, True),
        ({"amount": 0}, False), ({"amount": "-1"}, False), ({"amount": "1.23456"}, False), ({"amount": None}, False),
        ({"amount": float(MAX_AMOUNT) * 2}, False), ({"device_id": None}, True), ({"device_id": ""}, False),
        ({"channel": "pos"}, True), ({"channel": None}, True), ({"channel": "pigeon"}, False),
        ({"latitude": 91.0, "longitude": 0.0}, False), ({"extra": {"a": [1]}}, True), ({"extra": [1]}, False),
        ({"nope": 1}, False), ({"card_id": "a b"}, False), ({"card_id": "x" * 65}, False), ({"currency": "eur"}, False),
    ],
)  # fmt: skip
def test_the_schema_and_the_decoder_take_and_refuse_the_same(published, api, overrides, is_right):
    reference = {"$ref": "#/components/schemas/TransactionSchema"}

    assert validator(published, reference).is_valid(fields_of(**overrides)) == is_right
    assert (api.post("/api/v1/decisions/", fields_of(**overrides)).status_code == 201) == is_right


# --- answers -------------------------------------------------------------------------------------------------------


def test_a_decision_has_the_fields_that_are_recorded(published):
    described = published["components"]["schemas"]["DecisionSchema"]

    assert described["properties"].keys() == set(RecordedDecision.__struct_fields__)
    assert set(described["required"]) == set(RecordedDecision.__struct_fields__)
    assert schemas.ReasonSchema().fields.keys() == set(Reason.__struct_fields__)


def test_every_field_is_described():
    for name, schema in vars(schemas).items():
        if name.endswith("Schema"):
            assert [field for field, one in schema().fields.items() if not one.help_text] == [], name


def test_what_is_answered_is_what_the_schema_describes(published, api):
    body = fields_of(transaction_id="x", amount=2000, merchant_name="Café", extra={"a": [1]}, device_id=None)
    label = {"transaction_id": "x", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00Z"}

    answers = {
        ("post", "/api/v1/decisions/"): api.post("/api/v1/decisions/", body),
        ("get", "/api/v1/decisions/{transaction_id}/"): api.get("/api/v1/decisions/x/"),
        ("post", "/api/v1/labels/"): api.post("/api/v1/labels/", label),
    }

    for (method, path), response in answers.items():
        answer = published["paths"][path][method]["responses"][str(response.status_code)]
        check = validator(published, answer["content"]["application/json"]["schema"])
        assert list(check.iter_errors(response.json())) == [], path
        assert set(response.json()) <= set(_properties(published, answer["content"]["application/json"]["schema"]))


def test_the_schema_asks_for_a_key_or_a_session(client, api, db):
    assert client.get("/api/schema/").status_code == 401
    assert api.get("/api/schema/").status_code == 200
    assert settings.SPECTACULAR_SETTINGS["SERVE_PERMISSIONS"] == ["scoring.api.keys.IsKnown"]
