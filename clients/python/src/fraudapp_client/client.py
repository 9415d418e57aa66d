"""The client for threads."""

import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx

from fraudapp_client import calls, connection
from fraudapp_client.calls import Answer, Call, Filter
from fraudapp_client.casework import Case, Note, RecordedVerdict, Verdict
from fraudapp_client.exchange import Came, Send, exchange
from fraudapp_client.payments import (
    BatchResult,
    Decision,
    DecisionDetail,
    Explanation,
    Label,
    Ledger,
    Reproduction,
    Transaction,
)
from fraudapp_client.times import ATTEMPT, DEADLINE, PATIENCE, times


class Client:
    """One server and one API key. Keeps its connections open; any number of threads may share one.

    `deadline` and `attempt_timeout` (seconds) are for `decide`, which somebody waits for at a till; every other call
    has `patience`. Each call takes a `deadline` of its own. Within it, what can be repeated safely is.

    Every call raises a `FraudappError`: a `TemporaryError` where it may work later.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        deadline: float = DEADLINE,
        attempt_timeout: float = ATTEMPT,
        patience: float = PATIENCE,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._times = times(deadline, attempt_timeout, patience)
        if transport is None:
            transport = connection.DeadlineTransport(connection.default_ssl_context(ssl_context))
        self._http = httpx.Client(
            base_url=connection.base_url(url),
            headers=connection.headers(api_key),
            transport=transport,
            trust_env=False,
        )

    def __repr__(self) -> str:
        return f"Client({str(self._http.base_url)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def decide(self, transaction: Transaction, *, deadline: float | None = None) -> Decision:
        """Decide a payment. Sent again it gets the same decision: the transaction id is the key."""
        return self._run(calls.decide(transaction), deadline)

    def decide_batch(
        self, transactions: Sequence[Transaction], *, deadline: float | None = None
    ) -> tuple[BatchResult, ...]:
        """Decide up to 1,000 payments; one result each, in their order. A bad one does not sink the others."""
        return self._run(calls.decide_batch(transactions), deadline)

    def decision(self, transaction_id: str, *, deadline: float | None = None) -> DecisionDetail:
        """The decision on a payment, with what it was made from."""
        return self._run(calls.decision(transaction_id), deadline)

    def reproduce(self, transaction_id: str, *, deadline: float | None = None) -> Reproduction:
        """Compute a decision again from the record."""
        return self._run(calls.reproduce(transaction_id), deadline)

    def explanation(self, transaction_id: str, *, deadline: float | None = None) -> Explanation:
        """Why a payment was flagged. Raises: NotFoundError: it was let through, or is not explained yet."""
        return self._run(calls.explanation(transaction_id), deadline)

    def label(self, said: Label, *, deadline: float | None = None) -> Label:
        """Say what a payment was; said twice it is said once."""
        return self._run(calls.label(said), deadline)

    def labels_of(self, transaction_id: str, *, as_of: datetime | None = None, deadline: float | None = None) -> Ledger:
        """All that was said of a payment, and what is believed; `as_of` with what was known by then."""
        return self._run(calls.labels_of(transaction_id, as_of), deadline)

    def cases(self, *, deadline: float | None = None, **filters: Filter | None) -> Iterator[Case]:
        """Cases in the order of work, page after page as they are asked for; the deadline is that of a page."""
        query: Mapping[str, str] | None = calls.query_of(filters)
        while query is not None:
            page = self._run(calls.cases(query), deadline)
            yield from page.cases
            query = calls.query_after(page, query)

    def case(self, case_id: str, *, deadline: float | None = None) -> Case:
        return self._run(calls.case(case_id), deadline)

    def claim_case(self, case_id: str, *, deadline: float | None = None) -> Case:
        """Take a case for the key's user, or renew the claim."""
        return self._run(calls.claim_case(case_id), deadline)

    def release_case(self, case_id: str, *, deadline: float | None = None) -> Case:
        """Give a case back."""
        return self._run(calls.release_case(case_id), deadline)

    def next_case(self, *, queue: str = "", deadline: float | None = None) -> Case | None:
        """Claim the case that weighs most and nobody works on, of one queue or of all. None when none waits."""
        return self._run(calls.next_case(queue), deadline)

    def record_verdict(self, case_id: str, said: Verdict, *, deadline: float | None = None) -> RecordedVerdict:
        """Decide a case. Not sent twice: without an answer, look at the case."""
        return self._run(calls.record_verdict(case_id, said), deadline)

    def undo_verdict(self, case_id: str, *, deadline: float | None = None) -> Case:
        """Take back one's verdict before it takes effect."""
        return self._run(calls.undo_verdict(case_id), deadline)

    def add_note(self, case_id: str, text: str, *, deadline: float | None = None) -> Note:
        return self._run(calls.add_note(case_id, text), deadline)

    def _run(self, call: Call[Answer], deadline: float | None) -> Answer:
        steps = exchange(call, self._times.of(is_urgent=call.is_urgent, deadline=deadline))
        came: Came = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                answer: Answer = end.value
                return answer
            if isinstance(step, Send):
                came = self._send(call, step.timeout)
            else:
                time.sleep(step.seconds)
                came = None

    def _send(self, call: Call[Answer], timeout: float) -> Came:
        try:
            return self._http.request(**calls.request_of(call), timeout=timeout)
        except httpx.RequestError as error:
            return error
