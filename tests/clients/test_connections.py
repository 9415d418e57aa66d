"""Addresses, connections and the key of both clients."""

import logging

import pytest

from fraudapp_client import AuthenticationError
from tests.clients.calling import DECIDED, payment
from tests.clients.faulty_server import answer, drop, hang, problem

DECISION = answer(201, DECIDED)
QUICK = {"deadline": 20.0, "attempt_timeout": 0.5}
PATIENT = {"deadline": 20.0, "attempt_timeout": 20.0}


def test_calls_share_a_connection(connect, faulty):
    faulty.will(DECISION)
    client = connect(faulty.url, **PATIENT)

    for _ in range(3):
        client.decide(payment())

    assert len({sent.port for sent in faulty.received}) == 1


def test_a_connection_with_a_late_answer_on_it_is_not_used_again(connect, faulty):
    faulty.will(DECISION, hang, DECISION)
    client = connect(faulty.url, **QUICK)

    assert [client.decide(payment()).outcome for _ in range(2)] == ["review", "review"]
    assert len({sent.port for sent in faulty.received}) == 2


def test_the_key_is_in_no_text(connect, faulty, caplog):
    caplog.set_level(logging.DEBUG)
    faulty.will(problem(503, Retry_After="0"), drop, problem(401))
    client = connect(faulty.url, "fk_very_secret", **PATIENT)

    with pytest.raises(AuthenticationError) as caught:
        client.decide(payment())

    assert faulty.received[0].headers["Authorization"] == "Bearer fk_very_secret"
    assert "again in" in caplog.text
    for text in (repr(client), str(caught.value), repr(caught.value), caplog.text):
        assert "very_secret" not in text
    assert faulty.url in repr(client)


@pytest.mark.parametrize("key", ["", "fk secret", "fk_secret\r\nX: 1", "fk_schlüssel"])
def test_what_cannot_be_a_key_is_not_sent_and_not_quoted(connect, key):
    with pytest.raises(ValueError, match="API key") as caught:
        connect("http://127.0.0.1:1", key)

    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8000", "ftp://a.example", "http://", "http://u:p@a.example", "http://a.example/?x=1", "http://a:x"],
)
def test_an_address_that_is_none_is_refused(connect, url):
    with pytest.raises(ValueError, match="address"):
        connect(url)


def test_a_server_may_stand_below_a_path(connect, faulty):
    faulty.will(DECISION)

    connect(f"{faulty.url}/fraud/").decide(payment())

    assert faulty.received[0].path == "/fraud/api/v1/decisions/"


@pytest.mark.parametrize("limits", [{"deadline": 0}, {"attempt_timeout": -1}, {"patience": 0}])
def test_no_time_at_all_is_refused(connect, limits):
    with pytest.raises(ValueError, match="time limits"):
        connect("http://127.0.0.1:1", **limits)
