"""The fault experiments with few records: real processes and servers, killed, emptied, slowed, and fed with rubbish."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.chaos.experiments import EXPERIMENTS, LONG_ONLY

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
SHORT = [name for name in EXPERIMENTS if name not in LONG_ONLY]
# Ten times what they take on two processors.
PATIENCE_SECONDS = 1_200


@pytest.fixture(scope="module")
def found(request, tmp_path_factory) -> Callable[[str], dict[str, Any]]:
    """What the experiments that were asked for found: all of them in one world, when the first is looked at."""
    file = tmp_path_factory.mktemp("chaos") / "found.json"
    asked = [item.callspec.params["name"] for item in request.session.items if item.path == Path(__file__)]
    command = [sys.executable, "-m", "tests.chaos", "--short", "--json", str(file), *asked]
    run = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=PATIENCE_SECONDS)

    def of(name: str) -> dict[str, Any]:
        assert file.exists(), run.stderr[-3000:]
        return json.loads(file.read_text())[name]

    return of


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_lost_nothing_happens_twice_and_features_are_those_of_the_record(found, name):
    outcome = found(name)

    assert outcome["examples"] == []
    assert (outcome["lost"], outcome["twice"], outcome["wrong"]) == (0, 0, 0)
    assert outcome["ledger"] == "holds"
    assert outcome["done"]["payments"] > 0
