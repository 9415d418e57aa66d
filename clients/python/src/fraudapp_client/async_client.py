"""The client for asyncio and trio."""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

import anyio
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


class AsyncClient:
    """`Client` with calls that are awaited: the same arguments, answers and errors. Belongs to one event loop."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        deadline: float = DEADLINE,
        attempt_timeout: float = ATTEMPT,
        patience: float = PATIENCE,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._times = times(deadline, attempt_timeout, patience)
        if transport is None:
            verify = connection.default_ssl_context(ssl_context)
            transport = httpx.AsyncHTTPTransport(verify=verify, limits=connection.LIMITS, trust_env=False)
        self._http = httpx.AsyncClient(
            base_url=connection.base_url(url),
            headers=connection.headers(api_key),
            transport=transport,
            trust_env=False,
        )

    def __repr__(self) -> str:
        return f"AsyncClient({str(self._http.base_url)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def decide(self, transaction: Transaction, *, deadline: float | None = None) -> Decision:
        """Decide a payment. Sent again it gets the same decision: the transaction id is the key."""
        return await self._run(calls.decide(transaction), deadline)

    async def decide_batch(
        self, transactions: Sequence[Transaction], *, deadline: float | None = None
    ) -> tuple[BatchResult, ...]:
        """Decide up to 1,000 payments; one result each, in their order. A bad one does not sink the others."""
        return await self._run(calls.decide_batch(transactions), deadline)

    async def decision(self, transaction_id: str, *, deadline: float | None = None) -> DecisionDetail:
        """The decision on a payment, with what it was made from."""
        return await self._run(calls.decision(transaction_id), deadline)

    async def reproduce(self, transaction_id: str, *, deadline: float | None = None) -> Reproduction:
        """Compute a decision again from the record."""
        return await self._run(calls.reproduce(transaction_id), deadline)

    async def explanation(self, transaction_id: str, *, deadline: float | None = None) -> Explanation:
        """Why a payment was flagged. Raises: NotFoundError: it was let through, or is not explained yet."""
        return await self._run(calls.explanation(transaction_id), deadline)

    async def label(self, said: Label, *, deadline: float | None = None) -> Label:
        """Say what a payment was; said twice it is said once."""
        return await self._run(calls.label(said), deadline)

    async def labels_of(
        self, transaction_id: str, *, as_of: datetime | None = None, deadline: float | None = None
    ) -> Ledger:
        """All that was said of a payment, and what is believed; `as_of` with what was known by then."""
        return await self._run(calls.labels_of(transaction_id, as_of), deadline)

    async def cases(self, *, deadline: float | None = None, **filters: Filter | None) -> AsyncIterator[Case]:
        """Cases in the order of work, page after page as they are asked for; the deadline is that of a page."""
        query: Mapping[str, str] | None = calls.query_of(filters)
        while query is not None:
            page = await self._run(calls.cases(query), deadline)
            for case in page.cases:
                yield case
            query = calls.query_after(page, query)

    async def case(self, case_id: str, *, deadline: float | None = None) -> Case:
        return await self._run(calls.case(case_id), deadline)

    async def claim_case(self, case_id: str, *, deadline: float | None = None) -> Case:
        """Take a case for the key's user, or renew the claim."""
        return await self._run(calls.claim_case(case_id), deadline)

    async def release_case(self, case_id: str, *, deadline: float | None = None) -> Case:
        """Give a case back."""
        return await self._run(calls.release_case(case_id), deadline)

    async def next_case(self, *, queue: str = "", deadline: float | None = None) -> Case | None:
        """Claim the case that weighs most and nobody works on, of one queue or of all. None when none waits."""
        return await self._run(calls.next_case(queue), deadline)

    async def record_verdict(self, case_id: str, said: Verdict, *, deadline: float | None = None) -> RecordedVerdict:
        """Decide a case. Not sent twice: without an answer, look at the case."""
        return await self._run(calls.record_verdict(case_id, said), deadline)

    async def undo_verdict(self, case_id: str, *, deadline: float | None = None) -> Case:
        """Take back one's verdict before it takes effect."""
        return await self._run(calls.undo_verdict(case_id), deadline)

    async def add_note(self, case_id: str, text: str, *, deadline: float | None = None) -> Note:
        return await self._run(calls.add_note(case_id, text), deadline)

    async def _run(self, call: Call[Answer], deadline: float | None) -> Answer:
        steps = exchange(call, self._times.of(is_urgent=call.is_urgent, deadline=deadline))
        came: Came = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                answer: Answer = end.value
                return answer
            if isinstance(step, Send):
                came = await self._send(call, step.timeout)
            else:
                await anyio.sleep(step.seconds)
                came = None

    async def _send(self, call: Call[Answer], timeout: float) -> Came:
        try:
            # The time-outs of httpx are for each packet; this one is for all of them.
            with anyio.fail_after(timeout):
                return await self._http.request(**calls.request_of(call), timeout=timeout)
        except (httpx.RequestError, TimeoutError) as error:
            return error
