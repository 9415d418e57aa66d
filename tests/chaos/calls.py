"""Calls to the web process while it has troubles, with the time each took."""

import http.client
import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from tests.chaos.records import Sent


@dataclass
class Calls:
    """What calls were answered: how often each status, what was recorded and its bodies, the longest wait in s."""

    statuses: Counter[int] = field(default_factory=Counter)
    recorded: list[Sent] = field(default_factory=list)
    contents: set[bytes] = field(default_factory=set)
    degraded: int = 0
    longest: float = 0.0

    def add(self, more: "Calls") -> None:
        self.statuses += more.statuses
        self.recorded += more.recorded
        self.contents |= more.contents
        self.degraded += more.degraded
        self.longest = max(self.longest, more.longest)


def call(port: int, key: str, sent: Sequence[Sent], *, patience_seconds: float = 30.0) -> Calls:
    """POST payments one after the other. Raises: OSError, when the process gives no answer in time."""
    calls = Calls()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=patience_seconds)) as connection:
        for one in sent:
            began = time.perf_counter()
            connection.request("POST", "/api/v1/decisions/", one.body, headers)
            answer = connection.getresponse()
            text = answer.read()
            body = json.loads(text)
            calls.longest = max(calls.longest, time.perf_counter() - began)
            calls.statuses[answer.status] += 1
            if answer.status in {200, 201}:
                calls.recorded.append(one)
                calls.contents.add(text)
                calls.degraded += "features" in body["degraded"]
    return calls
