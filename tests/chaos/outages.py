"""Experiments with PostgreSQL and the brokers away."""

from collections.abc import Callable
from contextlib import closing

import redis
from confluent_kafka import Producer
from django.db import connection
from django.test import override_settings

from streams.source import LABELS
from tests.chaos.calls import call
from tests.chaos.counting import Outcome, close_the_books
from tests.chaos.processes import STREAM_WORKER, TASK_WORKER, kill_valkey
from tests.chaos.records import simulated
from tests.chaos.stores import callers, issue_call_key
from tests.chaos.world import World
from tests.contracts.mock_kafka import mock_cluster

BATCH = 100


def stop_the_database(world: World, *, is_short: bool) -> Outcome:
    """PostgreSQL is away: worker and relay wait, calls are refused."""
    outcome = Outcome("PostgreSQL stopped")
    part, seconds = (1_500, 4) if is_short else (20_000, 30)
    sent = simulated(2 * part, name="stopped", seed=8, cards=200 if is_short else 3_000)
    world.worker(batch=BATCH)
    world.send(sent[:part])
    world.wait_for_decisions(part // 3)
    _stop_with_calls(world, outcome)
    world.rest(seconds)
    world.postgres.start()
    # Ours to a server that was stopped.
    connection.close()
    connection.close_pool()
    world.send(sent[part:])
    world.settle(len(sent))
    outcome.done["seconds away"] = seconds
    outcome.require_all_alive(world)
    close_the_books(world, outcome, sent)
    return outcome


def _stop_with_calls(world: World, outcome: Outcome) -> None:
    key = issue_call_key()
    port = world.web()
    world.postgres.stop()
    refused = call(port, key, callers("refused", 3))
    outcome.require(refused.statuses.keys() == {503}, f"calls were answered with {dict(refused.statuses)}")
    outcome.done |= {"calls refused (503)": 3, "longest refusal in ms": round(refused.longest * 1000)}


def kill_the_broker(world: World, *, is_short: bool) -> Outcome:
    """The streams' Valkey is killed with -9 and comes back with its log: worker and relay wait."""
    outcome = Outcome("broker (Valkey) killed with -9, back with its log")
    part, seconds = (1_500, 3) if is_short else (20_000, 30)
    sent = simulated(2 * part, name="broker", seed=10, cards=200 if is_short else 3_000)
    world.worker(batch=BATCH)
    world.send(sent[:part])
    world.wait_for_decisions(part // 3)
    # What it confirmed and had not written by then would be the broker's to lose, not ours.
    world.wait(_is_written(world), what="the broker's log is on disk")
    kill_valkey(world.broker)
    world.rest(seconds)
    world.broker.start()
    world.send(sent[part:])
    world.settle(len(sent))
    outcome.done["seconds away"] = seconds
    outcome.require_all_alive(world)
    close_the_books(world, outcome, sent)
    return outcome


def _is_written(world: World) -> Callable[[], bool]:
    def is_so() -> bool:
        with closing(redis.Redis.from_url(world.broker.url)) as client:
            told = client.info("persistence")
            return told["aof_pending_bio_fsync"] == 0 and told["aof_buffer_length"] == 0

    return is_so


def stop_kafka(world: World, *, is_short: bool) -> Outcome:
    """The Kafka client's own mock cluster stops answering for a while: worker and relay wait."""
    outcome = Outcome("broker (Kafka, the client's mock) away")
    part, seconds = (1_000, 3) if is_short else (4_000, 30)
    sent = simulated(2 * part, name="kafka", seed=18, cards=200)
    world.end("relay")
    with mock_cluster() as cluster:
        url = f"kafka://{cluster.servers}"
        # Being asked for a topic makes it.
        Producer({"bootstrap.servers": cluster.servers}).list_topics(LABELS, timeout=20)
        with override_settings(STREAM_URL=url):
            world.send(sent[:part])
            world.start("relay to kafka", TASK_WORKER, STREAM_URL=url)
            world.start("stream from kafka", STREAM_WORKER, STREAM_URL=url, STREAM_BATCH_SIZE="20")
            world.wait_for_decisions(part // 10)
            cluster.stop_answering()
            world.rest(seconds)
            cluster.answer_again()
            world.send(sent[part:])
            world.settle(len(sent))
            outcome.done["seconds away"] = seconds
            outcome.require_all_alive(world)
            close_the_books(world, outcome, sent)
            world.end("stream from kafka", "relay to kafka")
    return outcome
