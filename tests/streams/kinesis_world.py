"""A Kinesis of this test alone: its streams, shards that are split and merged, and iterators that expire."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Lock
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from streams import kinesis
from streams.source import DEAD_LETTERS, DECISIONS, LABELS, TRANSACTIONS
from tests.contracts.conftest import CREDENTIALS, REGION, kinesis_process

SHARDS = {TRANSACTIONS: 3, LABELS: 1, DECISIONS: 2, DEAD_LETTERS: 1}


class Kinesis:
    """The streams of the desk at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = boto3.client("kinesis", region_name=REGION, endpoint_url=url)
        for stream, shards in SHARDS.items():
            self._client.create_stream(StreamName=stream, ShardCount=shards)

    def open_shards(self) -> list[str]:
        """Of `transactions`, each beside the one whose keys follow its own."""
        shards = self._client.list_shards(StreamName=TRANSACTIONS)["Shards"]
        taken = [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
        return [shard["ShardId"] for shard in sorted(taken, key=_first_key)]

    def split(self, shard_id: str) -> None:
        shards = {shard["ShardId"]: shard for shard in self._client.list_shards(StreamName=TRANSACTIONS)["Shards"]}
        middle = (_first_key(shards[shard_id]) + int(shards[shard_id]["HashKeyRange"]["EndingHashKey"])) // 2
        self._client.split_shard(StreamName=TRANSACTIONS, ShardToSplit=shard_id, NewStartingHashKey=str(middle))

    def merge(self, shard_id: str, next_one: str) -> None:
        self._client.merge_shards(StreamName=TRANSACTIONS, ShardToMerge=shard_id, AdjacentShardToMerge=next_one)

    def close(self) -> None:
        self._client.close()


def _first_key(shard: dict[str, Any]) -> int:
    return int(shard["HashKeyRange"]["StartingHashKey"])


@contextmanager
def kinesis_with_streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kinesis]:
    """A Kinesis that may be asked as often as one likes."""
    monkeypatch.setattr(kinesis, "_POLL_SECONDS", 0.02)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with kinesis_process() as url, closing(Kinesis(url)) as made:
        yield made


class Expiry:
    """Lets iterators expire: the next `due` calls of GetRecords with one that was used before are refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.due = 0
        self._lock = Lock()
        connect = kinesis.connect

        def connect_watched(*arguments: Any, **named: Any) -> Any:
            client = connect(*arguments, **named)
            self._watch(client)
            return client

        monkeypatch.setattr(kinesis, "connect", connect_watched)

    def _watch(self, client: Any) -> None:
        get_records, used = client.get_records, set[str]()

        def get_unless_expired(*, ShardIterator: str, Limit: int) -> Any:  # noqa: N803
            if ShardIterator in used and self._expires():
                used.clear()
                raise ClientError({"Error": {"Code": "ExpiredIteratorException", "Message": "old"}}, "GetRecords")
            answer = get_records(ShardIterator=ShardIterator, Limit=Limit)
            used.add(answer.get("NextShardIterator"))
            return answer

        client.get_records = get_unless_expired

    def _expires(self) -> bool:
        with self._lock:
            self.due -= 1
            return self.due >= 0
