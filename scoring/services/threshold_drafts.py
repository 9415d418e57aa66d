"""Drafts a policy that differs from the live one in its thresholds only."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from scoring.models import Policy, PolicyEvent, Rule, ThresholdBand
from scoring.services.policy import (
    BandDraft,
    RuleDraft,
    StalePolicyError,
    live_policy,
    next_version,
    write_parts,
)


@transaction.atomic
def draft_with_thresholds(
    *,
    based_on: int,
    currency: str,
    bands: Sequence[BandDraft],
    is_for_all: bool,
    note: str,
    by: User,
    at: datetime,
) -> Policy:
    """Make a draft with the rules and lists of the live version and other thresholds for a currency.

    bands: all of that currency, the first from 0; those of other currencies stay. is_for_all: the single band becomes
    the version's own thresholds instead, for all payments without a band.

    Raises:
        NoPolicyError: no version is live.
        StalePolicyError: another version than `based_on` is; nothing was made.
    """
    version = next_version()
    live = live_policy()
    if live.version != based_on:
        raise StalePolicyError(f"Version {live.version} was published meanwhile; look at it first.")
    own = bands[0] if is_for_all else live
    policy = Policy.objects.create(
        version=version,
        based_on=live,
        review_threshold=own.review_threshold,
        decline_threshold=own.decline_threshold,
        review_points=live.review_points,
        decline_points=live.decline_points,
        note=note,
        created_by=by,
    )
    kept = [BandDraft(**_said(BandDraft, band)) for band in live.bands.exclude(currency=currency)]
    write_parts(
        policy,
        rules=[RuleDraft(**_said(RuleDraft, rule)) for rule in live.rules.select_related("owner")],
        bands=[*kept, *([] if is_for_all else bands)],
        lists=dict(live.lists.values_list("list", "effect")),
    )
    PolicyEvent.objects.create(policy=policy, action=PolicyEvent.Action.CREATED, by=by, note=note, happened_at=at)
    return policy


def _said(draft: type[BandDraft] | type[RuleDraft], part: Rule | ThresholdBand) -> dict[str, Any]:
    """What a part of a version says, as a draft takes it."""
    return {field.name: getattr(part, field.name) for field in fields(draft)}
