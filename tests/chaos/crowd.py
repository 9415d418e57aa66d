"""Many callers at once, who ask again until they know, and remember each answer."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from types import TracebackType
from typing import Self

from tests.chaos.records import Sent, changed
from tests.chaos.stores import callers

NO_ANSWER = 0
# Less than callers are asked for: so it shows sooner when a process is well again.
_AGAIN_SECONDS = 0.2
# Far beyond any patience of the product.
_TIMEOUT_SECONDS = 30.0
_WINDOW = 50
_COPIES = 4


@dataclass(frozen=True)
class Answer:
    """What one call was answered. status: NO_ANSWER when the connection broke. began, ended: time.monotonic()."""

    port: int
    sent: Sent
    status: int
    text: bytes
    retry_after: str | None
    began: float
    ended: float

    @property
    def is_decided(self) -> bool:
        return self.status in {200, 201}

    @property
    def is_final(self) -> bool:
        """Whether asking again would help nobody."""
        return self.status != NO_ANSWER and self.retry_after is None

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Crowd:
    """Callers who send payments to web processes in turn until these are all sent or `finish` is called.

    Who is refused for now or loses the connection sends the payment again, to the next process.
    """

    def __init__(
        self, ports: Sequence[int], key: str, payments: Iterator[Sent], *, size: int = 32, pause_seconds: float = 0.0
    ) -> None:
        self.answers: list[Answer] = []
        self.ports = ports
        self._key, self._payments, self._pause_seconds = key, payments, pause_seconds
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads = ThreadPoolExecutor(size)
        self._callers: list[Future[None]] = [self._threads.submit(self._call, number) for number in range(size)]

    def finish(self) -> list[Answer]:
        """Send nothing new, wait until everybody knows, and give all answers. Raises what a caller ended with."""
        self._is_over.set()
        return self.wait()

    def wait(self) -> list[Answer]:
        """The answers, once all payments are sent and everybody knows."""
        for one in self._callers:
            one.result()
        return self.answers

    def decided_since(self, moment: float) -> Counter[int]:
        """How many calls begun after a moment have their decision, by port."""
        return Counter(answer.port for answer in list(self.answers) if answer.is_decided and answer.began > moment)

    def _next(self) -> Sent | None:
        with self._lock:
            return None if self._is_over.is_set() else next(self._payments, None)

    def _call(self, turn: int) -> None:
        while (one := self._next()) is not None:
            turn = self._ask_until_final(one, turn)
            self._is_over.wait(self._pause_seconds)

    def _ask_until_final(self, one: Sent, turn: int) -> int:
        while True:
            turn += 1
            answer = ask(self.ports[turn % len(self.ports)], self._key, one)
            self.answers.append(answer)
            if answer.is_final:
                return turn
            time.sleep(_AGAIN_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._threads.shutdown(cancel_futures=True)


def ask(port: int, key: str, one: Sent) -> Answer:
    """POST a payment on a connection of its own."""
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)) as connection:
        try:
            connection.request("POST", "/api/v1/decisions/", one.body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            return Answer(port, one, NO_ANSWER, b"", None, began, time.monotonic())
    return Answer(port, one, answer.status, text, answer.headers["Retry-After"], began, time.monotonic())


def strangers(name: str) -> Iterator[Sent]:
    """Payments without end, of a card each, so that it does not matter which was counted first."""
    drawn = callers(name, 200)
    for number in count():
        own = f"{name}-{number}"
        one = changed(drawn[number % len(drawn)], transaction_id=own, card_id=own, customer_id=own)
        yield replace(one, transaction_id=own, key=own)


def overlapping(name: str, chance: Random) -> Iterator[Sent]:
    """Payments without end, each several times and shuffled; under a fifth of the ids two contents contend."""
    payments = strangers(name)
    while True:
        window = [next(payments) for _ in range(_WINDOW)]
        copies = window * _COPIES + [changed(one, amount="7.77") for one in window[::5]] * 2
        chance.shuffle(copies)
        yield from copies
