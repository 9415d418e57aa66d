"""docker-compose.yml is valid, complete and without a secret, as far as that can be seen without Docker."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from fraudapp import demo_settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SCHEMA = json.loads(Path(__file__).with_name("compose.schema.json").read_text())
SECRET_NAME = re.compile(r"SECRET|PASSWORD|KEY$|TOKEN")
# There may be none, and none is what it is without a value.
NO_FORMER_KEY = ("SECRET_KEY_FALLBACKS", "${SECRET_KEY_FALLBACKS:-}")
REQUIRED_VALUE = re.compile(r"\$\{(\w+):\?[^}]+\}")
each_service = pytest.mark.parametrize("name", SERVICES)


def test_it_follows_the_schema():
    jsonschema.validate(COMPOSE, SCHEMA)


def test_the_schema_finds_a_typo():
    with_typo = {**COMPOSE, "services": {"web": {**SERVICES["web"], "helthcheck": {}}}}

    with pytest.raises(jsonschema.ValidationError, match="helthcheck"):
        jsonschema.validate(with_typo, SCHEMA)


@each_service
def test_every_lasting_service_is_watched(name):
    assert ("healthcheck" in SERVICES[name]) == (name not in {"migrate", "topics"})


@each_service
def test_no_secret_has_a_default(name):
    for variable, value in SERVICES[name].get("environment", {}).items():
        if SECRET_NAME.search(variable) and (variable, value) != NO_FORMER_KEY:
            assert REQUIRED_VALUE.fullmatch(value), variable
        for credentials in re.findall(r"://([^@/]+)@", value):
            assert REQUIRED_VALUE.search(credentials), variable


@each_service
def test_what_a_service_waits_for_exists_and_can_become_so(name):
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert ("healthcheck" in SERVICES[other]) == (wait["condition"] == "service_healthy")


@each_service
def test_volumes_and_networks_are_declared(name):
    assert {volume.split(":")[0] for volume in SERVICES[name].get("volumes", [])} <= set(COMPOSE["volumes"])
    assert set(SERVICES[name]["networks"]) <= set(COMPOSE["networks"])


def test_only_the_web_service_can_be_reached_from_outside():
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["web"]
    assert [name for name in SERVICES if "outside" in SERVICES[name]["networks"]] == ["web"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_only_the_one_who_sends_webhooks_has_a_way_out_of_its_own():
    assert [name for name in SERVICES if "webhooks" in SERVICES[name]["networks"]] == ["task-worker"]


@pytest.mark.parametrize(
    ("name", "same_as_demo"),
    [
        ("web", demo_settings.WEB),
        ("stream-worker", demo_settings.STREAM_WORKER),
        ("task-worker", demo_settings.TASK_WORKER),
        ("beat", demo_settings.BEAT),
    ],
)
def test_processes_run_as_in_the_demo(name, same_as_demo):
    program, *arguments = SERVICES[name]["command"]

    assert program == "python"
    assert set(same_as_demo) <= set(arguments)


def test_the_example_names_every_required_value_and_gives_no_secret():
    example = dict(
        line.lstrip("#").split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if re.match(r"#?[A-Z_]+=", line)
    )
    text = (ROOT / "docker-compose.yml").read_text()

    assert set(re.findall(r"\$\{(\w+)", text)) == set(example)
    assert not any(value for name, value in example.items() if SECRET_NAME.search(name))


def test_the_web_service_knows_what_the_dashboard_is_counted_with():
    settings = {"DASHBOARD_CURRENCY", "DASHBOARD_MATURE_DAYS", "FALSE_POSITIVE_COST"}
    settings |= {"REVIEW_COST_AN_HOUR", "REVIEW_COST_A_CASE"}

    assert settings <= set(SERVICES["web"]["environment"])
