"""Latency of `POST /api/v1/decisions/` at several numbers of connections."""

import http.client
import threading
import time
from typing import Any

import numpy as np

from bench.rig import wait_for, web
from bench.stream import Record, Traffic
from scoring.services.keys import issue_key

CONNECTIONS = (1, 8, 32)
WARM_UP, CALLS = 400, 2000
TOTAL = WARM_UP + CALLS * len(CONNECTIONS)


def measure(traffic: Traffic) -> dict[str, Any]:
    """Two web processes; every call a new payment, keep-alive connections, one thread each."""
    key = issue_key(name="bench", scopes=["decide"], rate_limit=1_000_000)
    found: dict[str, Any] = {"connections": {}}
    with web(workers=2) as port:
        wait_for(lambda: _is_ready(port), seconds=120)
        _load(port, key, traffic.take(WARM_UP), connections=8)
        for connections in CONNECTIONS:
            found["connections"][str(connections)] = _load(port, key, traffic.take(CALLS), connections=connections)
    return found


def _is_ready(port: int) -> bool:
    try:
        caller = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        caller.request("GET", "/readyz")
        return caller.getresponse().status == 200
    except OSError:
        return False


def _load(port: int, key: str, sent: list[Record], *, connections: int) -> dict[str, float]:
    waits: list[float] = []
    errors: list[int] = []
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(bodies: list[bytes]) -> None:
        caller = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for body in bodies:
            began = time.perf_counter()
            caller.request("POST", "/api/v1/decisions/", body, headers)
            answer = caller.getresponse()
            answer.read()
            waits.append((time.perf_counter() - began) * 1000)
            if answer.status != 201:
                errors.append(answer.status)
        caller.close()

    bodies = [body for _, body in sent]
    threads = [threading.Thread(target=call, args=(bodies[i::connections],)) for i in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    p50, p95, p99, p999 = (round(float(value), 1) for value in np.percentile(waits, [50, 95, 99, 99.9]))
    return {
        "rps": round(len(waits) / seconds),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "p999_ms": p999,
        "errors": len(errors),
    }
