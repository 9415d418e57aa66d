"""Calls of a key are counted over all processes, and in each one while Valkey is away."""

import pytest
from asgiref.sync import async_to_sync
from prometheus_client import REGISTRY
from rest_framework.exceptions import Throttled, ValidationError

from scoring.api.throttles import count_calls
from scoring.services import rate_limits
from scoring.services.rate_limits import TooManyAtOnceError
from tests.scoring.api_calls import DECISIONS, Caller, problem_of
from tests.scoring.rate_limit_world import PERIOD, facts, hit, let_in

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize("url", ["valkey", "memory"])
def test_a_key_gets_its_limit_and_no_more(process, url):
    limiter = process() if url == "valkey" else process(NOWHERE)

    assert let_in(limiter, 5) == 3
    assert hit(limiter) > 0


def test_two_processes_share_one_budget(process):
    first, second = process(), process()

    assert [let_in(one, 1) for one in (first, second, first, second, first)] == [1, 1, 1, 0, 0]


def test_keys_do_not_share_a_budget(process):
    limiter = process()
    let_in(limiter, 3)

    assert let_in(limiter, 5, facts(2)) == 3


def test_a_key_without_a_limit_has_that_of_the_settings(process, settings):
    settings.API_RATE_LIMIT = 2

    assert let_in(process(), 5, facts(rate_limit=None)) == 2


def test_a_call_that_is_worth_several_counts_as_several(process):
    limiter = process()

    assert hit(limiter, cost=2) is None
    assert hit(limiter, cost=2) is not None
    assert hit(limiter) is None


def test_refused_calls_use_nothing_up(process):
    limiter = process()
    hit(limiter, cost=2)
    for _ in range(10):
        hit(limiter, cost=3)

    assert hit(limiter) is None


def test_a_call_worth_more_than_the_limit_is_told_so_and_not_to_come_again(process):
    limiter = process()

    with pytest.raises(TooManyAtOnceError, match="at most 3 at once"):
        hit(limiter, cost=4)
    assert let_in(limiter, 5) == 3


def test_while_valkey_is_away_each_process_counts_for_itself_and_says_so_once(process, caplog):
    first, second = process(NOWHERE), process(NOWHERE)

    assert (let_in(first, 5), let_in(second, 5)) == (3, 3)
    assert [record.getMessage() for record in caplog.records] == [
        "The counter of calls does not answer; going on without it"
    ] * 2


def test_valkey_that_is_back_is_asked_again_after_a_while(process, monkeypatch):
    limiter, other = process(NOWHERE), process()
    assert let_in(limiter, 5) == 3

    monkeypatch.setattr(limiter, "_shared", other._shared)
    assert let_in(limiter, 5) == 0
    monkeypatch.setattr(limiter._breaker, "_clock", lambda: float("inf"))

    assert let_in(limiter, 5) == 3
    assert let_in(other, 5) == 0


def test_what_is_counted_in_valkey_does_not_stay_there(process, valkey):
    hit(process())

    (key,) = valkey.scan_iter("rate:*")
    assert 0 < valkey.ttl(key) <= 2 * PERIOD


# --- the answer ----------------------------------------------------------------------------------------------------


@pytest.fixture
def narrow(process, monkeypatch) -> None:
    """This process lets two calls in."""
    limiter = process()
    monkeypatch.setattr(rate_limits, "rate_limiter", lambda: limiter)


def test_a_key_that_comes_too_often_is_told_when_to_come_again(api, narrow, settings):
    settings.API_RATE_LIMIT = 2
    answers = [api.get(f"{DECISIONS}nobody/") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert int(answers[2]["Retry-After"]) >= 1
    assert answers[2]["Retry-After"] in problem_of(answers[2], 429)["detail"]


def test_prometheus_is_told_which_key_comes_too_often(narrow):
    def refused() -> float:
        return REGISTRY.get_sample_value("fraud_api_throttled_total", {"key": "shop"}) or 0.0

    before = refused()
    for _ in range(5):
        async_to_sync(rate_limits.hit)(facts())

    assert refused() == before + 2


def test_a_call_without_a_key_uses_nobody_s_calls_up(api, client, narrow, settings):
    settings.API_RATE_LIMIT = 1
    for key in ("", "fk_wrong"):
        problem_of(Caller(client, key).get(f"{DECISIONS}nobody/"), 401)

    assert api.get(f"{DECISIONS}nobody/").status_code == 404


def test_a_call_worth_several_is_counted_before_anything_is_done_for_it(narrow):
    count = async_to_sync(count_calls)
    count(facts(rate_limit=2), 2)

    with pytest.raises(Throttled) as refused:
        count(facts(rate_limit=2), 1)
    with pytest.raises(ValidationError, match="at most 2 at once"):
        count(facts(rate_limit=2), 3)
    assert refused.value.wait >= 1
