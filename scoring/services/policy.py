"""The policy in force: publishing a version, and the compiled copy each process keeps."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max

from scoring.decisioning import PolicyInForce
from scoring.models import Policy, Rule
from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import compile_condition

logger = logging.getLogger(__name__)

# Every process follows a new version within this time.
RECHECK_SECONDS = 2.0


class NoPolicyError(Exception):
    """No policy was ever published: nothing can be decided."""


class StalePolicyError(Exception):
    """Another version was published since this one was drafted; it stands, nothing changed."""


@dataclass(frozen=True)
class RuleDraft:
    """A rule of a version to be published."""

    code: str
    expression: str
    outcome: str
    words: str
    is_enabled: bool = True


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
    """Publish the next version; it is live at once and replaces the one it was `based_on` (0: the first).

    Raises:
        RuleError: a rule does not compile.
        StalePolicyError: somebody was faster.
    """
    for rule in rules:
        compile_condition(rule.expression)
    newest = Policy.objects.aggregate(newest=Max("version"))["newest"] or 0
    if newest != based_on:
        raise StalePolicyError(f"Version {newest} was published meanwhile; look at it and publish again.")
    # Two managers at once: both pass the check above, the unique version lets one through.
    try:
        with transaction.atomic():
            policy = Policy.objects.create(
                version=newest + 1,
                review_threshold=review_threshold,
                decline_threshold=decline_threshold,
                note=note,
                published_by=published_by,
            )
    except IntegrityError as error:
        if not Policy.objects.filter(version=newest + 1).exists():
            raise
        raise StalePolicyError(
            f"Version {newest + 1} was published meanwhile; look at it and publish again."
        ) from error
    Rule.objects.bulk_create(
        Rule(
            policy=policy,
            code=rule.code,
            expression=rule.expression,
            outcome=rule.outcome,
            words=rule.words,
            is_enabled=rule.is_enabled,
        )
        for rule in rules
    )
    return policy


def live_policy() -> Policy:
    """The version in force.

    Raises:
        NoPolicyError: none was published.
    """
    policy = Policy.objects.order_by("-version").first()
    if policy is None:
        raise NoPolicyError("No policy is published; publish one in the admin or run `manage.py prepare_demo`.")
    return policy


def compile_policy(policy: Policy) -> PolicyInForce:
    """A version with its enabled rules compiled."""
    rules = policy.rules.filter(is_enabled=True).order_by("code")
    return PolicyInForce(
        version=policy.version,
        review_threshold=policy.review_threshold,
        decline_threshold=policy.decline_threshold,
        rules=tuple(
            CompiledRule(rule.code, compile_condition(rule.expression), rule.outcome, rule.words) for rule in rules
        ),
    )


class _InForce:
    """The compiled policy of this process, looked up again when it is older than RECHECK_SECONDS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._policy: PolicyInForce | None = None
        self._checked = float("-inf")

    def get(self) -> PolicyInForce:
        """The policy; the last one known while another thread asks, for its connection may have gone silent."""
        known = self._policy
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

    def _followed(self) -> PolicyInForce:
        if self._policy is None or self._is_old():
            policy = live_policy()
            if self._policy is None or policy.version != self._policy.version:
                self._policy = compile_policy(policy)
                logger.info("policy %s is in force", policy.version)
            self._checked = time.monotonic()
        return self._policy

    def forget(self) -> None:
        with self._lock:
            self._policy = None


_in_force = _InForce()
policy_in_force = _in_force.get
forget_policy = _in_force.forget
