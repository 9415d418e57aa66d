"""What the client's page shows does what the page says."""

import logging
import os
import re
import subprocess
import sys
import tomllib
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings

import fraudapp_client
from fraudapp_client import Client, FraudappError, Outcome, Transaction
from fraudapp_client.connection import VERSION
from scoring.models import Decision
from tests.clients.calling import DECIDED, payment
from tests.clients.faulty_server import answer, hang

FOLDER = Path(settings.BASE_DIR) / "clients" / "python"
EXAMPLE, PATTERN = re.findall(r"```python\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)


def test_the_first_example_decides_a_payment(site):
    refused = []

    exec(EXAMPLE.replace("https://fraud.example.com", site.url), {"api_key": site.key, "refuse": refused.append})

    assert Decision.objects.get(transaction_id="pay-4711").outcome == Outcome.REVIEW
    assert refused == []


@pytest.fixture
def till(faulty):
    """The pattern for an authorisation, with what the reader has to bring."""
    with Client(faulty.url, "fk_secret") as fraud:
        brought = SimpleNamespace(later=[], stopped=[])
        names = {
            "fraud": fraud, "log": logging.getLogger(__name__), "FLOOR_LIMIT": Decimal(50), "Transaction": Transaction,
            "FraudappError": FraudappError, "Outcome": Outcome,
            "send_again_later": lambda *given: brought.later.append(given),
            "hold_or_reverse": lambda *given: brought.stopped.append(given),
        }  # fmt: skip
        exec(PATTERN, names)
        brought.authorise, brought.send_again = names["authorise"], names["send_again"]
        yield brought


@pytest.mark.parametrize(("amount", "own"), [("49.00", "approve"), ("51.00", "decline")])
@pytest.mark.parametrize("outcome", ["approve", "review", "decline"])
def test_without_an_answer_in_time_the_callers_rule_counts_until_the_payment_is_sent_again(
    faulty, till, amount, own, outcome
):
    sent = payment(amount=Decimal(amount))
    faulty.will(hang)

    assert till.authorise(sent) == own
    assert till.later == [(sent, own)]

    faulty.will(answer(200, DECIDED | {"outcome": outcome}))
    till.send_again(*till.later[0])

    was_wrong = own == "approve" and outcome != "approve"
    assert till.stopped == ([(sent, outcome)] if was_wrong else [])


@pytest.mark.parametrize("outcome", ["approve", "review", "decline"])
def test_with_an_answer_it_counts(faulty, till, outcome):
    faulty.will(answer(201, DECIDED | {"outcome": outcome}))

    assert till.authorise(payment()) == outcome
    assert till.later == []


def test_the_version_is_the_packages():
    assert tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_package_needs_nothing_of_the_server(tmp_path):
    look = "import sys, fraudapp_client; print(*sys.modules)"
    only = {"PYTHONPATH": str(FOLDER / "src"), "PATH": os.environ["PATH"]}

    loaded = subprocess.check_output([sys.executable, "-c", look], cwd=tmp_path, env=only, text=True).split()

    assert "fraudapp_client" in loaded
    assert not {"django", "msgspec", "fraudapp", "scoring", "cases", "streams"} & set(loaded)


def test_everything_that_is_offered_is_there():
    assert all(hasattr(fraudapp_client, name) for name in fraudapp_client.__all__)
