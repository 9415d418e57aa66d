"""Writing to Kinesis by PutRecords, within AWS's limits of a call and of a record."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from streams.kinesis_client import (
    FAILURES,
    FIRST_BACKOFF_SECONDS,
    LONGEST_BACKOFF_SECONDS,
    THROTTLED,
    code,
    connect,
)
from streams.source import StreamError

# PutRecords: AWS's limits of a call and of a record (its key included).
_PUT_RECORDS = 500
_PUT_BYTES = 5 * 1024 * 1024
_RECORD_BYTES = 1024 * 1024
_KEY_CHARACTERS = 256
# A publisher whose records are refused for this long gives up; its caller keeps them.
_GIVE_UP_SECONDS = 30.0

# A record as PutRecords takes it.
Entry = dict[str, Any]


class KinesisPublisher:
    """Writes by PutRecords; what is refused is written again, with all later records of its key behind it.

    Readers see a repeat of those later ones, and the last copies of a key's records in their order.
    """

    def __init__(self, region: str, *, endpoint_url: str = "") -> None:
        self._client = connect(region, endpoint_url, attempts=3)

    def publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        for call in _calls(stream, records):
            self._put(stream, call)

    def _put(self, stream: str, call: list[Entry]) -> None:
        """One PutRecords and as many more as its refusals need. Raises: StreamError."""
        started, backoff = time.monotonic(), FIRST_BACKOFF_SECONDS
        while True:
            call, why = self._refused(stream, call)
            if not call:
                return
            if time.monotonic() + backoff - started > _GIVE_UP_SECONDS:
                raise StreamError(
                    f"Kinesis stream {stream} refused {len(call)} records for {_GIVE_UP_SECONDS:.0f} s: {why}; "
                    "`manage.py shards` says how many shards it takes"
                )
            time.sleep(backoff)
            backoff = min(2 * backoff, LONGEST_BACKOFF_SECONDS)

    def _refused(self, stream: str, call: list[Entry]) -> tuple[list[Entry], str]:
        """The records to write again and why; none when all are written."""
        try:
            answer = self._client.put_records(StreamName=stream, Records=call)
        except FAILURES as error:
            if code(error) in THROTTLED:
                return call, code(error)
            raise StreamError(f"Kinesis stream {stream} cannot be written: {error}") from error
        refused: set[str] = set()
        again, why = [], ""
        for entry, result in zip(call, answer["Records"], strict=True):
            if "ErrorCode" in result:
                refused.add(entry["PartitionKey"])
                why = result["ErrorCode"]
            if entry["PartitionKey"] in refused:
                again.append(entry)
        return again, why

    def close(self) -> None:
        self._client.close()


def _calls(stream: str, records: Sequence[tuple[str, bytes]]) -> Iterator[list[Entry]]:
    """The records in as many calls as AWS's limits ask for. Raises: StreamError, for one that is too large."""
    call: list[Entry] = []
    total = 0
    for key, body in records:
        # A key may be anything but empty or long; cut, it is still the same for the same card.
        partition_key = key[:_KEY_CHARACTERS] or "-"
        size = len(body) + len(partition_key.encode())
        if size > _RECORD_BYTES:
            raise StreamError(f"Kinesis stream {stream} cannot be written: a record of {size} bytes is above 1 MB")
        if len(call) == _PUT_RECORDS or total + size > _PUT_BYTES:
            yield call
            call, total = [], 0
        call.append({"Data": body, "PartitionKey": partition_key})
        total += size
    if call:
        yield call
