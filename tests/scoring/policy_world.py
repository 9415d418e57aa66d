"""Policy versions on their way, and the people who bring them there."""

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User

from scoring.models import Policy
from scoring.services import policy_versions
from scoring.services.policy import RuleDraft
from scoring.services.policy_content import Content, content_of
from tests.factories import HOUR, MINUTE, NOON
from tests.scoring.payments import LARGE

SMALL = RuleDraft("small", "amount < 1", "review", "Only {amount}")


def draft(author: User | None, *rules: RuleDraft, note: str = "stricter", **overrides: Any) -> Policy:
    """A draft of these rules (LARGE and SMALL when none is named) with thresholds of its own."""
    content = Content(0.4, 0.8, 100, 200, tuple(rules) or (LARGE, SMALL), (), {"block": "decline"})
    return policy_versions.draft_policy(content=replace(content, **overrides), note=note, by=author, at=NOON)


def edit(policy: Policy, by: User, *, revision: int | None = None, **overrides: Any) -> Policy:
    """The draft saved again with something else."""
    note = overrides.pop("note", policy.note)
    return policy_versions.edit_draft(
        version=policy.version,
        revision=policy.revision if revision is None else revision,
        content=replace(content_of(policy), **overrides),
        note=note,
        by=by,
        at=NOON + MINUTE,
    )


def proposed(author: User, **overrides: Any) -> Policy:
    """A version that its author has proposed."""
    version = draft(author, **overrides).version
    return policy_versions.propose(version=version, note="please", by=author, at=NOON + MINUTE)


def published(author: User, second: User, **overrides: Any) -> Policy:
    """A version that a second person has put in force."""
    version = proposed(author, **overrides).version
    return policy_versions.publish(version=version, by=second, at=NOON + HOUR)
