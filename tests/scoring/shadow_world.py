"""Versions in shadow beside the live one, and what is written down of them."""

from datetime import datetime, timedelta
from typing import Any

from django.utils.timezone import now

from scoring.models import Outbox, Policy, ShadowChange, ShadowFigures, ShadowRuleFigures
from scoring.services.policy import BandDraft, RuleDraft, forget_policy, next_version, write_parts
from scoring.services.shadow import judge_in_shadow
from tests.scoring.payments import LARGE, tampering

SMALL = RuleDraft("small", "amount > 10", "review", "Even {amount}")


def shadow(
    *rules: RuleDraft,
    status: str = Policy.Status.SHADOW,
    since: datetime | None = None,
    bands: tuple[BandDraft, ...] = (),
    lists: dict[str, str] | None = None,
    **values: Any,
) -> Policy:
    """A version of these rules (SMALL and LARGE when none is named) that is tried since a minute ago."""
    forget_policy()
    began = since or now() - timedelta(minutes=1)
    policy = Policy.objects.create(
        **{"version": next_version(), "review_threshold": 0.5, "decline_threshold": 0.9, "note": "tried"} | values
    )
    write_parts(
        policy, rules=rules or (SMALL, LARGE), bands=bands,
        lists={"block": "decline", "allow": "approve"} if lists is None else lists,
    )  # fmt: skip
    policy.status = status
    if status == Policy.Status.PROPOSED:
        policy.proposed_at = began
    else:
        policy.shadow_since = began
    policy.save()
    return policy


def leave_shadow(policy: Policy) -> None:
    Policy.objects.filter(id=policy.id).update(status=Policy.Status.DISCARDED)


def deliver() -> None:
    """What the relay does with the topic `shadow`, in one transaction."""
    rows = list(Outbox.objects.filter(topic=Outbox.Topic.SHADOW).order_by("id"))
    judge_in_shadow([row_id for row in rows for row_id in row.ids])
    Outbox.objects.filter(id__in=[row.id for row in rows]).delete()


def figures(policy: Policy) -> dict[tuple[str, str], int]:
    """Payments by what was decided and what would have been."""
    rows = ShadowFigures.objects.filter(policy=policy)
    return {(row.outcome, row.shadow_outcome): row.payments for row in rows}


def rule_figures(policy: Policy) -> dict[str, tuple[int, int]]:
    """Hits and failures by rule."""
    return {row.code: (row.hits, row.failures) for row in ShadowRuleFigures.objects.filter(policy=policy)}


def changed(policy: Policy) -> dict[str, tuple[str, list[str]]]:
    """Transaction id -> what would have been decided, and the rules met."""
    rows = ShadowChange.objects.filter(policy=policy).select_related("decision")
    return {row.decision.transaction_id: (row.outcome, row.rule_hits) for row in rows}


def broken_rule(policy: Policy, code: str) -> None:
    """As a rule that this release cannot read any more."""
    with tampering():
        policy.rules.filter(code=code).update(expression="no such rule")
