"""Experiments with many callers of two web processes who send the same payments, one of which may be killed."""

import time
from itertools import islice
from random import Random

from tests.chaos.answers import compare_answers, compare_reads
from tests.chaos.counting import Outcome, close_the_books
from tests.chaos.crowd import NO_ANSWER, Answer, Crowd, overlapping
from tests.chaos.records import Sent
from tests.chaos.stores import age_calls, issue_call_key
from tests.chaos.world import World

# Of a window of `overlapping`, so that the last one is whole.
_CALLS_OF_A_WINDOW = 220


def call_at_once(world: World, *, is_short: bool) -> Outcome:
    """32 callers, each payment sent by several of them to either process, some with another content."""
    outcome = Outcome("32 callers send the same payments to two web processes at once")
    windows = 4 if is_short else 100
    key, ports = issue_call_key("decide", "read"), world.shipped_webs()
    payments = islice(overlapping("crowd", Random(19)), windows * _CALLS_OF_A_WINDOW)
    with Crowd(ports, key, payments) as crowd:
        answers = crowd.wait()
    decisions = compare_answers(outcome, answers)
    for turn, port in enumerate(ports):
        compare_reads(outcome, port, key, decisions[turn::2][: 50 if is_short else 1_000])
    outcome.require(_conflicts(answers) > 0, "no call was in conflict with another, so nothing was tried")
    close_the_calls(world, outcome, answers, is_short=is_short)
    return outcome


def kill_the_web(world: World, *, is_short: bool) -> Outcome:
    """The same while one of the processes is killed and started again; who lost the connection asks the other."""
    outcome = Outcome("web process killed with -9 while 32 callers send the same payments, and started again")
    kills = 1 if is_short else 10
    key, ports = issue_call_key("decide", "read"), world.shipped_webs()
    with Crowd(ports, key, overlapping("killed", Random(20)), pause_seconds=0.02) as crowd:
        for _ in range(kills):
            see_decided(world, crowd)
            world.processes["shipped2"].kill()
            world.shipped_webs()
        see_decided(world, crowd)
        answers = crowd.finish()
    outcome.require(any(one.status == NO_ANSWER for one in answers), "nobody was cut off, so nothing was tried")
    outcome.done["kills"] = kills
    decisions = compare_answers(outcome, answers, is_each_heard=False)
    compare_reads(outcome, ports[1], key, decisions[-50:])
    close_the_calls(world, outcome, answers, is_short=is_short)
    return outcome


def see_decided(world: World, crowd: Crowd) -> None:
    """Let callers have a hundred decisions of each process."""
    began = time.monotonic()
    world.wait(
        lambda: all(crowd.decided_since(began)[port] >= 100 for port in crowd.ports), what="both processes decide"
    )


def close_the_calls(world: World, outcome: Outcome, answers: list[Answer], *, is_short: bool) -> None:
    """Count what callers sent. What a process left uncounted is seen to after a minute, in short form at once."""
    sent: dict[str, Sent] = {answer.sent.transaction_id: answer.sent for answer in answers}
    if is_short:
        age_calls()
    world.settle(len(sent))
    close_the_books(world, outcome, list(sent.values()), only_own=True)


def _conflicts(answers: list[Answer]) -> int:
    return sum(answer.status == 409 and answer.is_final for answer in answers)
