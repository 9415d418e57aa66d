"""The live feed: from produced to drawn in a real browser, and what two hundred browsers cost the scoring."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client

from bench import processor, rig
from bench.stream import STEADY_RATE, Record, Steady, Traffic, percentiles, produce_and_wait
from scoring.services.policy import RuleDraft, live_policy, publish_policy
from tests.browser import find_chromium

SOCKETS = 200
FLAGGED_A_SECOND = 50
SECONDS = 20
TOTAL = 3 * STEADY_RATE * SECONDS
_AMOUNT = "4321.09"
# What is flagged last needs its time to the screen.
_AFTERGLOW_SECONDS = 5.0


def measure(traffic: Traffic) -> dict[str, Any]:
    """The same traffic alone, with two hundred bare sockets, and with a real browser beside them."""
    _flag_the_marked()
    with rig.web(workers=1) as port:
        rig.wait_for_policy()
        site, cookie = f"http://127.0.0.1:{port}", _cookie()
        alone = _send(traffic)
        with _watchers(site, cookie, chromium=""):
            with_sockets = _send(traffic)
        # Found here: the search runs an event loop of its own.
        with _watchers(site, cookie, chromium=str(find_chromium())) as said:
            with_browser = _send(traffic)
            time.sleep(_AFTERGLOW_SECONDS)
        seen = said["seen"]
    waits = [seen[name] - produced for name, produced in with_browser.steady.produced.items() if name in seen]
    return {
        "sockets": SOCKETS,
        "flagged_per_second": FLAGGED_A_SECOND,
        "rate": STEADY_RATE,
        "produced_to_seen": {**percentiles(waits), "entries": len(waits)},
        "entries_sent": said["entries_received"],
        "scoring_alone": alone.figures(),
        "scoring_with_sockets": with_sockets.figures(),
        "scoring_with_browser": with_browser.figures(),
    }


def _flag_the_marked() -> None:
    current = live_policy()
    publish_policy(
        review_threshold=1.0,
        decline_threshold=1.0,
        rules=[RuleDraft("marked", f"amount = {_AMOUNT}", "review", "Marked by the bench")],
        note="bench of the feed",
        published_by=None,
        based_on=current.version,
    )


@dataclass(frozen=True, slots=True)
class _Phase:
    steady: Steady
    processor_seconds: Counter[str]

    def figures(self) -> dict[str, Any]:
        """Produced to published, and who used the processors meanwhile."""
        used = {role: round(spent, 1) for role, spent in self.processor_seconds.most_common() if spent >= 0.1}
        return {**percentiles(self.steady.waits), "processor_seconds": used}


def _send(traffic: Traffic) -> _Phase:
    records = _marked(traffic.take(STEADY_RATE * SECONDS), every=STEADY_RATE // FLAGGED_A_SECOND)
    before = processor.used()
    return _Phase(produce_and_wait(records), processor.used() - before)


def _marked(records: Sequence[Record], *, every: int) -> list[Record]:
    """Give every so-manieth payment the amount that is flagged."""
    marked = []
    for number, (key, body) in enumerate(records):
        fields = json.loads(body)
        if number % every == 0:
            fields["amount"] = _AMOUNT
        marked.append((key, json.dumps(fields, separators=(",", ":")).encode()))
    return marked


def _cookie() -> str:
    analyst = User.objects.create_user("feed-bench")
    analyst.groups.add(Group.objects.get(name="analyst"))
    client = Client()
    client.force_login(analyst)
    return str(client.cookies["sessionid"].value)


@contextmanager
def _watchers(site: str, cookie: str, *, chromium: str) -> Iterator[dict[str, Any]]:
    """Sockets, and a browser if one is named, in a process of their own; what they say is in the dict afterwards."""
    said: dict[str, Any] = {}
    command = [sys.executable, "-m", "bench.watchers", site, cookie, str(SOCKETS), chromium]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=rig.BASE_DIR, stdin=pipe, stdout=pipe, text=True) as process:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise RuntimeError("the browsers did not start")
        yield said
        out, _ = process.communicate("\n", timeout=60)
        said.update(json.loads(out))
