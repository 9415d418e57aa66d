"""What a policy version has to keep to be written: named errors, all at once."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from django.core.exceptions import ValidationError

from scoring.features.definitions import BY_NAME
from scoring.ml.wording import PAYMENT_PLACES, unknown_places
from scoring.models import NamedList, PolicyList, Rule
from scoring.rules.errors import nearest
from scoring.rules.language import Condition, RuleError, compile_condition, cost_together
from scoring.rules.lists import SNOOZE
from scoring.services.policy import BandDraft, RuleDraft
from scoring.services.policy_content import Content

MAX_RULES, MAX_BANDS, MAX_POINTS, MAX_NOTE = 1000, 200, 10_000, 200
# Nanoseconds a payment: 20 ms a batch of 500. A thousand rules of two or three conditions cost 8,000 together.
MAX_COST = 40_000.0
_LARGEST = 2**31 - 1
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_UNSAFE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class ContentFault:
    """What is wrong: with a `field` of a `rule` (or band, list: `part`; empty: the version), and where in its text."""

    part: str
    field: str
    message: str
    place: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"{f'{self.part}, ' if self.part else ''}{self.field.replace('_', ' ')}: {self.message}"


class ContentError(ValueError):
    """The version cannot be written as it is; nothing was. `faults` names them all."""

    def __init__(self, faults: Sequence[ContentFault]) -> None:
        super().__init__(" ".join(map(str, faults[:5])) + (f" And {len(faults) - 5} more." if faults[5:] else ""))
        self.faults = tuple(faults)


def check_content(content: Content, *, note: str, at: datetime, known: Content | None = None) -> None:
    """Look at all that a version says.

    known: what stood there before; a rule that had expired by then may stay.

    Raises:
        ContentError: what is wrong with it.
    """
    lists = frozenset(NamedList.objects.values_list("name", flat=True))
    expiries = {rule.code: rule.expires_at for rule in known.rules} if known else {}
    faults = [*_faults_of_version(content, note), *_faults_of_bands(content.bands), *_faults_of_lists(content, lists)]
    conditions: list[Condition] = []
    for rule in content.rules:
        condition, found = _looked_at(rule, lists)
        faults += found
        if condition:
            conditions.append(condition)
        if rule.expires_at and rule.expires_at <= at and rule.expires_at != expiries.get(rule.code):
            faults.append(_of_rule(rule, "expires_at", "That is past already; name a time to come."))
    if (cost := cost_together(conditions)) > MAX_COST:
        faults.append(_too_costly(content, cost))
    if faults:
        raise ContentError(faults)


def check_version_note(note: str) -> None:
    """Raises: ContentError: it says nothing, or cannot be stored."""
    if faults := list(_faults_of_note(note)):
        raise ContentError(faults)


def check_readable(rules: Sequence[RuleDraft]) -> None:
    """Look whether rules can be asked at all; what else was wrong with them does not matter any more.

    Raises:
        ContentError: which of them cannot.
    """
    faults = []
    for rule in rules:
        try:
            compile_condition(rule.expression)
        except RuleError as error:
            faults.append(ContentFault(f"Rule {rule.code}", "expression", str(error), error.place))
    if faults:
        raise ContentError(faults)


def check_expression(text: str, *, lists: Collection[str]) -> Condition:
    """Compile a condition whose lists there have to be.

    Raises:
        RuleError: what is wrong with it, and where.
    """
    condition = compile_condition(text)
    for name in sorted(condition.lists - set(lists)):
        at = text.find(name)
        raise RuleError(f"There is no list `{name}`.{nearest(name, lists)}", (at, at + len(name)) if at >= 0 else None)
    return condition


def check_text(part: str, field: str, text: str) -> Iterator[ContentFault]:
    """Characters that no table keeps."""
    if _UNSAFE.search(text):
        yield ContentFault(part, field, "There is a character in it that cannot be stored: take it out.")


def _looked_at(rule: RuleDraft, lists: Collection[str]) -> tuple[Condition | None, list[ContentFault]]:
    texts = ("code", "name", "expression", "words", "reason_code")
    faults = [fault for name in texts for fault in check_text(f"Rule {rule.code}", name, getattr(rule, name))]
    if faults:
        return None, faults
    condition = None
    try:
        condition = check_expression(rule.expression, lists=lists)
    except RuleError as error:
        faults.append(ContentFault(f"Rule {rule.code}", "expression", str(error), error.place))
    return condition, [*faults, *_faults_of_fields(rule), *_faults_of_words(rule)]


def _faults_of_fields(rule: RuleDraft) -> Iterator[ContentFault]:
    try:
        Rule(**{**vars(rule), "tags": list(rule.tags), "owner": None}).clean_fields(exclude=["policy", "expression"])
    except ValidationError as error:
        for field, messages in error.message_dict.items():
            yield _of_rule(rule, field, " ".join(messages))
    if abs(rule.points) > MAX_POINTS:
        yield _of_rule(rule, "points", f"From -{MAX_POINTS:,} to {MAX_POINTS:,}.")
    if not rule.outcome and not rule.points:
        yield _of_rule(rule, "outcome", "The rule would do nothing: choose an outcome, or give it points.")


def _faults_of_words(rule: RuleDraft) -> Iterator[ContentFault]:
    for name in unknown_places(rule.words):
        hint = nearest(name, [*BY_NAME, *PAYMENT_PLACES])
        yield _of_rule(rule, "words", f"There is no value for {{{name}}}.{hint}")


def _of_rule(rule: RuleDraft, field: str, message: str) -> ContentFault:
    return ContentFault(f"Rule {rule.code}", field, message)


def _faults_of_note(note: str) -> Iterator[ContentFault]:
    yield from check_text("", "note", note)
    if not note.strip() or len(note) > MAX_NOTE:
        yield ContentFault("", "note", f"Say in up to {MAX_NOTE} characters what this version changes.")


def _faults_of_version(content: Content, note: str) -> Iterator[ContentFault]:
    yield from _faults_of_note(note)
    if not 0 < content.review_threshold <= content.decline_threshold <= 1:
        yield ContentFault("", "review_threshold", "Thresholds need 0 < review <= decline <= 1.")
    if not 0 < content.review_points <= content.decline_points <= _LARGEST:
        yield ContentFault("", "review_points", "Points need 0 < review <= decline.")
    if len(content.rules) > MAX_RULES:
        yield ContentFault("", "rules", f"There are {len(content.rules):,}, at most {MAX_RULES:,} are allowed.")
    for code, count in Counter(rule.code for rule in content.rules).items():
        if count > 1:
            yield ContentFault(f"Rule {code}", "code", f"{count} rules have this code; each needs its own.")


def _faults_of_bands(bands: Sequence[BandDraft]) -> Iterator[ContentFault]:
    if len(bands) > MAX_BANDS:
        yield ContentFault("", "bands", f"There are {len(bands):,}, at most {MAX_BANDS:,} are allowed.")
    for (currency, amount), count in Counter((band.currency, band.from_amount) for band in bands).items():
        part = f"Band {currency} from {amount}"
        if count > 1:
            yield ContentFault(part, "from_amount", f"{count} bands of this currency begin there; one is enough.")
        if not _CURRENCY.match(currency):
            yield ContentFault(part, "currency", "A currency is three capital letters: EUR.")
        if not isfinite(amount) or not 0 <= amount < 10**16:
            yield ContentFault(part, "from_amount", "An amount from 0 on.")
    for band in bands:
        if not 0 < band.review_threshold <= band.decline_threshold <= 1:
            part = f"Band {band.currency} from {band.from_amount}"
            yield ContentFault(part, "review_threshold", "Thresholds need 0 < review <= decline <= 1.")


def _faults_of_lists(content: Content, lists: Collection[str]) -> Iterator[ContentFault]:
    for name, effect in (content.lists or {}).items():
        part = f"List {name}"
        if name not in lists:
            yield ContentFault(part, "list", f"There is no list `{name}`.{nearest(name, lists)}")
        if name.startswith(SNOOZE):
            yield ContentFault(part, "list", "Snoozes of a rule do nothing else.")
        if effect not in PolicyList.Effect.values:
            yield ContentFault(part, "effect", f"It can {', '.join(PolicyList.Effect.values)}.")


def _too_costly(content: Content, cost: float) -> ContentFault:
    most = max(content.rules, key=_cost_of)
    message = (
        f"Together they cost {cost:,.0f} ns a payment, at most {MAX_COST:,.0f} are allowed."
        f" {most.code} alone costs {_cost_of(most):,.0f}."
    )
    return ContentFault("", "rules", message)


def _cost_of(rule: RuleDraft) -> float:
    try:
        return compile_condition(rule.expression).cost
    except RuleError:
        return 0.0
