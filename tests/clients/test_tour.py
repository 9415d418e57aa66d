"""Every command of the tour in docs/api.md, and the one the demo prints, run as they are written."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from fraudapp.demo import first_call
from streams.outbox import relay_outbox

PAGE = Path(settings.BASE_DIR) / "docs" / "api.md"
STEP = re.compile(r"^### (?P<name>.+?)\n(?P<text>.*?)(?=^##)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"```bash\n(.*?)```\n\n```http\nHTTP/1\.1 (\d{3}) [^\n]*\n\n(.*?)```", re.DOTALL)
ANSWER = re.compile(r"^HTTP/1\.1 (\d{3}) .*?\n\n(.*)\Z", re.MULTILINE | re.DOTALL)
# Variables that one command sets are those of the next, as in a terminal.
SHELL = """
set -eu -o pipefail -o allexport
[ -f state.sh ] && . ./state.sh
{command}
export -p > state.sh
declare -f >> state.sh
"""


@dataclass(frozen=True)
class Step:
    name: str
    command: str
    status: int
    answer: Any


def tour() -> str:
    """The page's section, up to the next one."""
    return PAGE.read_text().partition("\n## The tour\n")[2].partition("\n## ")[0] + "\n##"


def steps() -> Iterator[Step]:
    for found in STEP.finditer(tour()):
        for command, status, answer in COMMAND.findall(found["text"]):
            yield Step(found["name"], command, int(status), json.loads(answer))


@pytest.fixture
def folder(site, tmp_path) -> Path:
    """Where a demo runs."""
    (tmp_path / ".data").mkdir()
    facts = {"url": site.url, "api_key": site.key, "stream_url": "", "database_url": ""}
    (tmp_path / ".data" / "demo.json").write_text(json.dumps(facts, indent=2))
    return tmp_path


def run(command: str, folder: Path) -> tuple[int, Any]:
    """Status and JSON of what the command's call answered."""
    done = subprocess.run(
        ["bash", "-c", SHELL.format(command=command)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = ANSWER.search(done.stdout)
    assert found, done.stdout
    return int(found[1]), json.loads(found[2])


def assert_shaped(answer: Any, written: Any, where: str = "answer") -> None:
    """What is written of the answer is in it, with values of the same kind; it may hold more."""
    if isinstance(written, dict):
        assert isinstance(answer, dict), where
        for name, value in written.items():
            assert name in answer, f"{where}.{name}"
            assert_shaped(answer[name], value, f"{where}.{name}")
    elif isinstance(written, list):
        assert isinstance(answer, list), where
        assert len(answer) >= len(written), where
        for place, value in enumerate(written):
            assert_shaped(answer[place], value, f"{where}[{place}]")
    elif answer is not None and written is not None:
        assert type(answer) is type(written), where


def test_each_step_has_one_command_and_its_answer():
    names = [step.name for step in steps()]

    assert names == re.findall(r"^### (.+)$", tour(), re.MULTILINE)
    assert len(names) == tour().count("```bash")


def test_the_tour_works_as_it_is_written(folder):
    for step in steps():
        status, answer = run(step.command, folder)

        assert status == step.status, (step.name, answer)
        assert_shaped(answer, step.answer, step.name)
        # The task worker's part: what was flagged opens its case.
        relay_outbox()


def test_the_line_the_demo_prints_decides_a_payment(folder, site):
    line = first_call(site.url, folder / ".data" / "demo.json")

    status, answer = run(f"{line} -i", folder)

    assert (status, answer["card_id"]) == (201, "card-000001")
