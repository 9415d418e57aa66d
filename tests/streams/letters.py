"""Dead letters, and a broker to send them again to."""

from typing import Any

from streams import admin as pages
from streams.management.commands import dead_letters as command
from streams.models import DeadLetter
from streams.source import TRANSACTIONS, StreamError
from tests.memory_stream import MemoryStream


class Broken(MemoryStream):
    """A broker that is away."""

    def publish(self, *arguments: Any) -> None:
        raise StreamError("no broker")


def send_to(stream: MemoryStream, monkeypatch) -> MemoryStream:
    monkeypatch.setattr(stream, "close", lambda: None)
    for room in (pages, command):
        monkeypatch.setattr(room, "connect_publisher", lambda: stream)
    return stream


def make_letter(body: bytes = b"{", *, stream: str = TRANSACTIONS, **values: Any) -> DeadLetter:
    values = {"errors": [{"field": "amount", "message": "must be a number above 0"}]} | values
    position = str(DeadLetter.objects.count())
    return DeadLetter.objects.create(stream=stream, partition="0", position=position, body=body, **values)


def sent(out: MemoryStream, stream: str = TRANSACTIONS) -> list[bytes]:
    return [body for (name, _), log in out.logs.items() if name == stream for body in log]
