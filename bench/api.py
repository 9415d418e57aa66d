"""Latency and throughput of `POST /api/v1/decisions/`, with its floor and the model call beside it in the same run."""

import http.client
import json
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np

from bench import processor, rig
from bench.stream import Record, Traffic
from scoring.features.definitions import NAMES
from scoring.services.keys import issue_key
from scoring.services.models import champion

PATH = "/api/v1/decisions/"
CONNECTIONS = (1, 8, 32, 64)
WARM_UP, CALLS, SECONDS = 600, 4000, 20
RATE = 200
TOTAL = 2 * WARM_UP + CALLS * (len(CONNECTIONS) + 3) + 3 * RATE * SECONDS
_MODEL_CALLS = 1000


def measure(traffic: Traffic) -> dict[str, Any]:
    """Two web processes; every call a new payment on a kept-alive connection."""
    key = issue_key(name="bench", scopes=["decide"], rate_limit=1_000_000)
    found: dict[str, Any] = {"model_call_ms": _model_call_ms()}
    with rig.web(workers=2) as port:
        rig.wait_for(lambda: _is_ready(port), seconds=120)
        _load(port, key, traffic.take(WARM_UP), connections=8)
        found["connections"] = {
            str(connections): _load(port, key, traffic.take(CALLS), connections=connections)
            for connections in CONNECTIONS
        }
        found["at_200"] = _load(port, key, traffic.take(RATE * SECONDS), connections=32, rate=RATE)
        with rig.mute_valkey():
            found["valkey_mute"] = _without_valkey(port, key, traffic)
    with rig.web(workers=2, REDIS_URL="redis://127.0.0.1:1/0") as port:
        rig.wait_for(lambda: _is_ready(port), seconds=120)
        _load(port, key, traffic.take(WARM_UP), connections=8)
        found["valkey_down"] = _without_valkey(port, key, traffic)
    with rig.web(workers=2, application="bench.floor:application") as port:
        rig.wait_for(lambda: _answers(port), seconds=60)
        found["floor"] = _load(port, key, traffic.take(CALLS), connections=32)
    return found | {"floor_rps": found["floor"]["rps"]}


def _without_valkey(port: int, key: str, traffic: Traffic) -> dict[str, Any]:
    return {
        "at_200": _load(port, key, traffic.take(RATE * SECONDS), connections=32, rate=RATE),
        "32": _load(port, key, traffic.take(CALLS), connections=32),
    }


def _model_call_ms() -> dict[str, float]:
    """One payment through the champion alone."""
    model = champion()
    if model is None:
        raise RuntimeError("the bench trained no model")
    vector, times = np.zeros((1, len(NAMES)), np.float32), []
    for _ in range(_MODEL_CALLS):
        began = time.perf_counter()
        model.score(vector)
        times.append((time.perf_counter() - began) * 1000)
    p50, p99 = (round(float(value), 2) for value in np.percentile(times, [50, 99]))
    return {"p50": p50, "p99": p99}


def _is_ready(port: int) -> bool:
    return _status(port, "/readyz") == 200


def _answers(port: int) -> bool:
    return _status(port, "/") != 0


def _status(port: int, path: str) -> int:
    try:
        caller = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        caller.request("GET", path)
        return caller.getresponse().status
    except OSError:
        return 0


def _load(port: int, key: str, sent: list[Record], *, connections: int, rate: int | None = None) -> dict[str, Any]:
    told = {
        "port": port, "path": PATH, "key": key, "connections": connections, "rate": rate,
        "bodies": [body.decode() for _, body in sent],
    }  # fmt: skip
    before = processor.used()
    run = subprocess.run(
        [sys.executable, "-m", "bench.load"], input=json.dumps(told), stdout=subprocess.PIPE, text=True, check=True,
        cwd=rig.BASE_DIR, env=os.environ | {"PYTHONPATH": str(rig.BASE_DIR)}, timeout=300,
    )  # fmt: skip
    used = processor.used() - before
    spent = {role: round(seconds / len(sent) * 1e6) for role, seconds in used.most_common() if seconds > 0}
    return {**json.loads(run.stdout), "processor_us_per_call": spent}
