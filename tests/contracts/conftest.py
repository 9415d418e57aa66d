"""The logs and state stores that contract tests run on: in memory, and real ones or the nearest without a network."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boto3
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from django.conf import settings

from scoring.features.live import MemoryStore, StateStore, ValkeyStore
from streams.kafka import KafkaPublisher, KafkaSource
from streams.kinesis import KinesisSource
from streams.kinesis_publisher import KinesisPublisher
from streams.source import Source
from streams.valkey import ValkeyPublisher, ValkeySource
from tests.contracts.reading import PATIENCE_SECONDS, STREAM, Broker, Renamed
from tests.feature_store import open_empty
from tests.memory_stream import MemoryStream

REGION = "us-east-1"
# Credentials that are none, and no look for others.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@pytest.fixture(scope="session")
def kafka_servers() -> Iterator[str]:
    """Brokers named in KAFKA_BOOTSTRAP_SERVERS, or the client library's mock cluster: real protocol, no server."""
    if "KAFKA_BOOTSTRAP_SERVERS" in os.environ:
        yield os.environ["KAFKA_BOOTSTRAP_SERVERS"]
        return
    cluster = Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = cluster.list_topics(timeout=PATIENCE_SECONDS).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    cluster.flush(1)


@pytest.fixture(scope="session")
def kinesis_credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


@contextmanager
def kinesis_process() -> Iterator[str]:
    """The address of moto's Kinesis in a process of its own."""
    command = [sys.executable, "-m", "tests.contracts.kinesis_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="session")
def kinesis_url(kinesis_credentials) -> Iterator[str]:
    with kinesis_process() as url:
        yield url


@pytest.fixture
def stream_name(request) -> str:
    """A name no other test has."""
    return f"{STREAM}-{request.node.name.encode().hex()[-60:]}-{os.getpid()}"


@pytest.fixture
def kinesis_client(kinesis_url):
    client = boto3.client("kinesis", region_name=REGION, endpoint_url=kinesis_url)
    yield client
    client.close()


@pytest.fixture
def kinesis_stream(kinesis_client, stream_name, monkeypatch) -> str:
    """A stream of four shards, which may be asked as often as one likes."""
    monkeypatch.setattr("streams.kinesis._POLL_SECONDS", 0.01)
    kinesis_client.create_stream(StreamName=stream_name, ShardCount=4)
    return stream_name


@pytest.fixture(params=["memory", "valkey", "kafka", "kinesis"])
def broker(request) -> Iterator[Broker]:
    if request.param == "memory":
        memory = MemoryStream(STREAM, partitions=4)
        yield Broker(memory, lambda: memory, memory.split, memory.merge)
        return
    with BROKERS[request.param](request) as made:
        opened: list[Source] = []

        def new_source() -> Source:
            opened.append(made.new_source())
            return opened[-1]

        yield Broker(made.publisher, new_source, made.split, made.merge)
        for source in opened:
            source.close()
        made.publisher.close()


@contextmanager
def _valkey(request) -> Iterator[Broker]:
    publisher = ValkeyPublisher(settings.REDIS_URL, partitions=4)
    yield Broker(publisher, lambda: ValkeySource(settings.REDIS_URL, STREAM, partitions=4))


@contextmanager
def _kafka(request) -> Iterator[Broker]:
    servers, topic = request.getfixturevalue("kafka_servers"), request.getfixturevalue("stream_name")
    if "KAFKA_BOOTSTRAP_SERVERS" in os.environ:
        created = AdminClient({"bootstrap.servers": servers}).create_topics([NewTopic(topic, 4, 1)])
        created[topic].result(PATIENCE_SECONDS)
    publisher = Renamed(KafkaPublisher(servers, properties={}), topic)
    yield Broker(publisher, lambda: KafkaSource(servers, topic, properties={}))


@contextmanager
def _kinesis(request) -> Iterator[Broker]:
    url, name = request.getfixturevalue("kinesis_url"), request.getfixturevalue("kinesis_stream")
    client = request.getfixturevalue("kinesis_client")

    def split(shard_id: str) -> None:
        shards = {shard["ShardId"]: shard["HashKeyRange"] for shard in client.list_shards(StreamName=name)["Shards"]}
        middle = (int(shards[shard_id]["StartingHashKey"]) + int(shards[shard_id]["EndingHashKey"])) // 2
        client.split_shard(StreamName=name, ShardToSplit=shard_id, NewStartingHashKey=str(middle))

    def merge(shard_id: str, other: str) -> None:
        client.merge_shards(StreamName=name, ShardToMerge=shard_id, AdjacentShardToMerge=other)

    publisher = Renamed(KinesisPublisher(REGION, endpoint_url=url), name)
    yield Broker(publisher, lambda: KinesisSource(REGION, name, endpoint_url=url), split, merge)


BROKERS: dict[str, Callable] = {"valkey": _valkey, "kafka": _kafka, "kinesis": _kinesis}


@pytest.fixture(params=["memory", "valkey", "valkey of old"])
def lost(request) -> Iterator[StateStore]:
    """A store that holds nothing, not even a generation. Valkey before 9.1 lacks a command, which a user can too."""
    if request.param == "memory":
        yield MemoryStore(generations=[])
        return
    valkey, url = request.getfixturevalue("valkey"), settings.REDIS_URL
    valkey.flushall()
    if request.param == "valkey of old":
        valkey.acl_setuser("old", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-msetex"])
        url = url.replace("redis://:", "redis://old:")
    yield ValkeyStore(url, timeout_seconds=5.0)
    valkey.acl_deluser("old")


@pytest.fixture
def store(lost) -> StateStore:
    open_empty(lost)
    return lost
