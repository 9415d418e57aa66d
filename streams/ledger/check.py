"""The invariants of delivery, A to F, over any time."""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.timezone import now

from scoring.features.live import FeatureStoreError
from scoring.services.store import batch_store
from streams.connect import connect_source
from streams.ledger.effects import check_alerts, check_audit, check_feed, check_outbox
from streams.ledger.explanations import check_explanations
from streams.ledger.features import check_features
from streams.ledger.log import Span, read_back, recorded_stretches
from streams.ledger.records import Fate, Placed, letters_of_valid_records, look_up
from streams.ledger.report import Check
from streams.ledger.rescorings import check_rescorings
from streams.ledger.shadows import check_shadows
from streams.ledger.topic import check_topic
from streams.ledger.verdicts import check_verdicts
from streams.ledger.webhooks import check_webhooks
from streams.source import DECISIONS, TRANSACTIONS, StreamError

# What a broker keeps at least, whatever its settings. AWS knows no retention below a day.
KEPT_FOR = {"kinesis": timedelta(days=1)}
REPLAY = "run `manage.py replay` with the same --since and --until: it decides what is missing"


def check_ledger(span: Span, *, sample: int, tell: Callable[[str], object]) -> list[Check]:
    """All invariants over decisions and records of the span; features of `sample` entities of each kind.

    Changes nothing and can run beside everything else.
    """
    started = now()
    decided = Check("A", "Each valid record of the log has one decision", REPLAY)
    effects = Check("B", "Each decision has its effects once", "is the task worker running, and what does its log say?")
    letters = Check("C", "Each invalid record is one dead letter with its bytes", f"{REPLAY}; send valid ones again")
    features = Check("D", "Live features are those the record gives", "run `manage.py rebuild_features`")
    replayed = Check("E", "Replaying the log changes nothing", REPLAY)
    answers = Check(
        "F",
        "What was published is what is stored",
        "find out who changed decisions or wrote to the topic; then re-read it",
    )
    check_log(span, decided, letters, replayed, tell=tell)
    check_letters(letters, span)
    check_outbox(effects)
    check_alerts(effects, span)
    check_audit(effects, span)
    check_feed(effects)
    check_explanations(effects, span)
    check_verdicts(effects, span)
    check_webhooks(effects, span)
    check_rescorings(effects, span, store=batch_store())
    check_shadows(effects, span)
    tell("reading the topic decisions")
    _check_topic(span, effects, answers, started)
    _check_features(features, span, sample, tell)
    return [decided, effects, letters, features, replayed, answers]


def check_log(span: Span, decided: Check, letters: Check, replayed: Check, *, tell: Callable[[str], object]) -> None:
    """Read the log back, as far as the broker has it and the worker has handled it."""
    read = 0

    def tell_unread(words: str) -> None:
        for check in (decided, letters, replayed):
            check.unknown.append(words)

    try:
        with closing(connect_source(TRANSACTIONS)) as source:
            stretches = recorded_stretches(source, TRANSACTIONS, span)
            for messages in read_back(source, stretches, span, tell_unread=tell_unread):
                for one in look_up(messages, at=now()):
                    _note(one, decided, letters, replayed)
                read += len(messages)
                tell(f"{read:,} records of the log")
    except StreamError as error:
        tell_unread(f"the log: {error}")
        return
    for check, what in (
        (decided, "valid records"),
        (letters, "dead letters of the log"),
        (replayed, "records replayed"),
    ):
        check.count(what, 0)


def _note(one: Placed, decided: Check, letters: Check, replayed: Check) -> None:
    replayed.count("records replayed")
    if one.fate is Fate.LETTER:
        letters.count("dead letters of the log")
    elif one.transaction is not None:
        decided.count("valid records")
    if one.fate is Fate.MISSING:
        decided.fault(str(one))
    if one.fate in {Fate.INVALID, Fate.CONFLICT}:
        letters.fault(str(one))
    if one.has_other_bytes:
        letters.fault(f"{one}; its letter holds other bytes")
    if one.fate in {Fate.MISSING, Fate.INVALID, Fate.CONFLICT}:
        replayed.fault(str(one))


def check_letters(letters: Check, span: Span) -> None:
    """No waiting letter holds what could have been decided."""
    letters.count("waiting dead letters", 0)
    for count, valid in letters_of_valid_records(span):
        letters.count("waiting dead letters", count)
        for letter in valid:
            letters.fault(f"dead letter {letter.id} ({letter}) is a valid record")


def _check_topic(span: Span, effects: Check, answers: Check, started: datetime) -> None:
    kept_for = KEPT_FOR.get(urlsplit(settings.STREAM_URL).scheme)
    try:
        with closing(connect_source(DECISIONS)) as source:
            check_topic(source, span, effects=effects, answers=answers, started=started, kept_for=kept_for)
    except StreamError as error:
        for check in (effects, answers):
            check.unknown.append(f"the topic {DECISIONS}: {error}")


def _check_features(check: Check, span: Span, sample: int, tell: Callable[[str], object]) -> None:
    try:
        check_features(check, span, sample=sample, store=batch_store(), tell=tell)
    except FeatureStoreError as error:
        check.unknown.append(f"the feature store: {error}")
