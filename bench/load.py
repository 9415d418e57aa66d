"""A load generator for the scoring API: raw HTTP over kept-alive sockets, in a process of its own.

Started as `python -m bench.load`, it reads one JSON object from its input and prints one with what it saw. With a
rate, calls are due at fixed times and a wait begins when a call was due, not when it could be sent: a server that
stands still for a second is seen in a second's worth of calls. Without one, a connection calls again once answered.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvloop


@dataclass
class Seen:
    """Milliseconds from due to answered, status codes, and what decisions lacked."""

    waits: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    degraded: int = 0

    def figures(self, seconds: float) -> dict[str, Any]:
        p50, p95, p99, p999 = (round(float(wait), 1) for wait in np.percentile(self.waits, [50, 95, 99, 99.9]))
        answered = sum(count for status, count in self.statuses.items() if status < 300)
        return {
            "rps": round(len(self.waits) / seconds),
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "p999_ms": p999,
            "errors": len(self.waits) - answered,
            "degraded": self.degraded,
        }


async def _call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def _connection(port: int, requests: Iterator[tuple[float | None, bytes]], seen: Seen) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for due, request in requests:
        if due is not None:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter() if due is None else due
        status, body = await _call(reader, writer, request)
        seen.waits.append((time.perf_counter() - began) * 1000)
        seen.statuses[status] += 1
        seen.degraded += status == 201 and b'"degraded":[]' not in body
    writer.close()


async def run(port: int, requests: list[bytes], *, connections: int, rate: float | None) -> dict[str, Any]:
    """Send all requests over so many connections; at `rate` a second in all, or as fast as they are answered."""
    seen = Seen()
    began = time.perf_counter()
    dues = [None if rate is None else began + number / rate for number in range(len(requests))]
    # Shared: whoever is free takes the next, so that a slow answer does not hold up what is due on its connection.
    waiting = iter(zip(dues, requests, strict=True))
    await asyncio.gather(*(_connection(port, waiting, seen) for _ in range(connections)))
    return seen.figures(time.perf_counter() - began)


def request_of(path: str, key: str, body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main() -> None:
    told = json.load(sys.stdin)
    requests = [request_of(told["path"], told["key"], body.encode()) for body in told["bodies"]]
    figures = uvloop.run(run(told["port"], requests, connections=told["connections"], rate=told["rate"]))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
