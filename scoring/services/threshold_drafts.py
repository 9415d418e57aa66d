"""Drafts a policy that differs from the live one in its thresholds only."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from scoring.models import Policy
from scoring.services.locks import take_lock
from scoring.services.policy import LOCK, BandDraft, StalePolicyError, live_policy
from scoring.services.policy_content import content_of
from scoring.services.policy_versions import draft_policy


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
        ContentError: what is wrong with it.
        NoPolicyError: no version is live.
        StalePolicyError: another version than `based_on` is; nothing was made.
    """
    take_lock(LOCK)
    live = live_policy()
    if live.version != based_on:
        raise StalePolicyError(f"Version {live.version} was published meanwhile; look at it first.")
    content = content_of(live)
    others = tuple(band for band in content.bands if band.currency != currency)
    if is_for_all:
        own = bands[0]
        content = replace(
            content, review_threshold=own.review_threshold, decline_threshold=own.decline_threshold, bands=others
        )
    else:
        content = replace(content, bands=(*others, *bands))
    return draft_policy(content=content, note=note, by=by, at=at, origin="From the threshold page")
