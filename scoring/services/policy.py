"""The policy in force: publishing a version, and the compiled copy each process keeps."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils.timezone import now

from scoring.decisioning import Band, PolicyInForce
from scoring.models import Policy, PolicyEvent, PolicyList, Rule, ThresholdBand
from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import RuleError, compile_condition
from scoring.services.locks import take_lock

logger = logging.getLogger(__name__)

# Every process follows a new version within this time.
RECHECK_SECONDS = 2.0
# Tried on live payments, without effect.
IN_SHADOW = (Policy.Status.SHADOW, Policy.Status.PROPOSED)


class NoPolicyError(Exception):
    """No policy was ever published: nothing can be decided."""


class StalePolicyError(Exception):
    """Another version was published since this one was drafted; it stands, nothing changed."""


@dataclass(frozen=True)
class RuleDraft:
    """A rule of a version that is written."""

    code: str
    expression: str
    outcome: str
    words: str
    is_enabled: bool = True
    name: str = ""
    points: int = 0
    reason_code: str = ""
    owner: User | None = None
    tags: Sequence[str] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True)
class BandDraft:
    """Thresholds for payments of a currency from an amount on."""

    currency: str
    from_amount: Decimal
    review_threshold: float
    decline_threshold: float


_NO_POLICY = "No policy is published; publish one in the console or run `manage.py prepare_demo`."
# Statuses of versions that judge payments as they come.
JUDGING = (Policy.Status.LIVE, *IN_SHADOW)
# Of whoever makes a version or puts one in force: one at a time.
LOCK = "policy versions"
# What a version does with lists when nobody says otherwise.
LIST_EFFECTS = {"block": PolicyList.Effect.DECLINE, "allow": PolicyList.Effect.APPROVE}


@transaction.atomic
def publish_policy(
    *,
    review_threshold: float,
    decline_threshold: float,
    rules: Sequence[RuleDraft],
    note: str,
    published_by: User | None,
    based_on: int,
) -> Policy:
    """Put the next version in force at once, in the place of the one it was `based_on` (0: the first).

    For commands that set a deployment up. People draft, propose and publish: `policy_versions`.

    Raises:
        RuleError: a rule does not compile.
        StalePolicyError: somebody was faster.
    """
    for rule in rules:
        compile_condition(rule.expression)
    take_lock(LOCK)
    live = Policy.objects.filter(status=Policy.Status.LIVE).first()
    if (live.version if live else 0) != based_on:
        raise StalePolicyError(f"Version {live.version if live else 0} was published meanwhile; look at it first.")
    policy = Policy.objects.create(
        version=next_version(),
        based_on=live,
        review_threshold=review_threshold,
        decline_threshold=decline_threshold,
        note=note,
        created_by=published_by,
    )
    write_parts(policy, rules=rules, bands=(), lists=LIST_EFFECTS)
    if live:
        retire(live, by=published_by, at=now())
    put_in_force(policy, by=published_by, at=now())
    return policy


def next_version() -> int:
    """The number of a new version. Runs inside a transaction; until its end others wait."""
    take_lock(LOCK)
    return int(Policy.objects.aggregate(newest=Max("version"))["newest"] or 0) + 1


def write_parts(
    policy: Policy, *, rules: Sequence[RuleDraft], bands: Sequence[BandDraft], lists: Mapping[str, str]
) -> None:
    """Give a draft its rules, bands and effects of lists, in the place of those it had."""
    policy.rules.all().delete()
    policy.bands.all().delete()
    policy.lists.all().delete()
    Rule.objects.bulk_create(Rule(policy=policy, **{**vars(rule), "tags": list(rule.tags)}) for rule in rules)
    ThresholdBand.objects.bulk_create(ThresholdBand(policy=policy, **vars(band)) for band in bands)
    PolicyList.objects.bulk_create(
        PolicyList(policy=policy, list=name, effect=effect) for name, effect in lists.items()
    )


def retire(live: Policy, *, by: User | None, at: datetime) -> None:
    """End the version in force. Runs in the transaction that puts another one there."""
    Policy.objects.filter(id=live.id).update(status=Policy.Status.RETIRED, retired_at=at)
    PolicyEvent.objects.create(policy=live, action=PolicyEvent.Action.RETIRED, by=by, happened_at=at)


def put_in_force(policy: Policy, *, by: User | None, at: datetime) -> None:
    """Publish a version. Runs in the transaction that retired the one before."""
    policy.published_by, policy.published_at = by, at
    make_live(policy)
    action = PolicyEvent.Action.PUBLISHED
    PolicyEvent.objects.create(policy=policy, action=action, by=by, note=policy.note, happened_at=at)


def make_live(policy: Policy) -> None:
    """Let a version that is or was published decide. Runs in the transaction that retired the one before."""
    policy.status, policy.retired_at = Policy.Status.LIVE, None
    policy.save(update_fields=["status", "published_by", "published_at", "retired_at"])


def live_policy() -> Policy:
    """The version in force.

    Raises:
        NoPolicyError: none was published.
    """
    policy = Policy.objects.filter(status=Policy.Status.LIVE).first()
    if policy is None:
        raise NoPolicyError(_NO_POLICY)
    return policy


def compile_policy(policy: Policy) -> PolicyInForce:
    """A version with its enabled rules compiled.

    Raises:
        RuleError: a rule cannot be read (any more).
    """
    rules = policy.rules.filter(is_enabled=True).order_by("code")
    bands = policy.bands.order_by("currency", "from_amount")
    return PolicyInForce(
        version=policy.version,
        review_threshold=policy.review_threshold,
        decline_threshold=policy.decline_threshold,
        review_points=policy.review_points,
        decline_points=policy.decline_points,
        lists=dict(policy.lists.values_list("list", "effect")),
        bands=tuple(Band(one.currency, one.from_amount, one.review_threshold, one.decline_threshold) for one in bands),
        rules=tuple(
            CompiledRule(
                code=rule.code,
                condition=compile_condition(rule.expression),
                outcome=rule.outcome,
                words=rule.words,
                reason_code=rule.reason_code,
                points=rule.points,
                expires_at=rule.expires_at,
            )
            for rule in rules
        ),
    )


@dataclass(frozen=True)
class _Known:
    """What a process knows: the version in force, and the numbers of those that are tried beside it."""

    live: PolicyInForce
    shadowed: frozenset[int]


class _InForce:
    """The policy of this process, looked up again when it is older than RECHECK_SECONDS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: _Known | None = None
        self._checked = float("-inf")

    def get(self) -> PolicyInForce:
        """The version in force.

        Raises:
            NoPolicyError: none was published.
            RuleError: it cannot be read, and this process knows no other.
        """
        return self._get().live

    def shadowed(self) -> frozenset[int]:
        """The versions that are tried on live payments. Raises what `get` does."""
        return self._get().shadowed

    def _get(self) -> _Known:
        """The last ones known while another thread asks, for its connection may have gone silent."""
        known = self._known
        if known is None:
            with self._lock:
                return self._followed()
        if self._is_old() and self._lock.acquire(blocking=False):
            try:
                return self._followed()
            finally:
                self._lock.release()
        return known

    def _is_old(self) -> bool:
        return time.monotonic() - self._checked > RECHECK_SECONDS

    def _followed(self) -> _Known:
        if self._known is None or self._is_old():
            self._known = _look_up(self._known)
            self._checked = time.monotonic()
        return self._known

    def forget(self) -> None:
        with self._lock:
            self._known = None


def _look_up(known: _Known | None) -> _Known:
    judging = dict(Policy.objects.filter(status__in=JUDGING).values_list("version", "status"))
    live = next((version for version, status in judging.items() if status == Policy.Status.LIVE), None)
    if live is None:
        raise NoPolicyError(_NO_POLICY)
    return _Known(_newest(live, known), frozenset(judging) - {live})


def _newest(live: int, known: _Known | None) -> PolicyInForce:
    """The version in force, compiled where it is new: what is no draft does not change any more."""
    if known is not None and known.live.version == live:
        return known.live
    try:
        newest = compile_policy(Policy.objects.get(version=live))
    except RuleError:
        if known is None:
            raise
        # As one of a newer release.
        logger.critical("version %s stays in force here: version %s cannot be read", known.live.version, live)
        return known.live
    logger.info("policy %s is in force", live)
    return newest


_in_force = _InForce()
policy_in_force = _in_force.get
shadowed_versions = _in_force.shadowed
forget_policy = _in_force.forget
