"""Cases as JSON has them: dictionaries of what the queries found. `schemas` describes each, field by field."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from cases import evidence, money, words
from cases.models import Attachment, Case, CaseEvent, Queue, Verdict, VerdictEffect
from cases.queries.history import Entry, History, key_name
from cases.queries.related import Related, RelatedPayment
from cases.sight import Sight
from scoring.models import Decision, Explanation
from scoring.queries_explanations import explanation_shown

Json = dict[str, Any]


def person(user: User | None) -> Json | None:
    return None if user is None else {"username": user.get_username(), "name": words.person(user)}


def queue(one: Queue | None) -> Json | None:
    return None if one is None else {"slug": one.slug, "title": one.title}


def case_row(case: Case, *, tags: Iterable[str], hides_score: bool, now: datetime) -> Json:
    """A case as in the list; what stands on a score is None while it is hidden."""
    is_claimed = case.claimed_until is not None and case.claimed_until >= now
    return {
        "id": case.id,
        "url": reverse("api_case", args=[case.id]),
        "page": case.get_absolute_url(),
        "status": case.status,
        "card_id": case.card_id,
        "queue": queue(case.queue),
        "opened_at": case.opened_at,
        "due_at": case.due_at,
        "seconds_left": round((case.due_at - now).total_seconds()),
        "claim": {**(person(case.claimed_by) or {}), "until": case.claimed_until} if is_claimed else None,
        "snoozed_until": case.snoozed_until if case.is_snoozed(now) else None,
        "alert_count": case.alert_count,
        "amount": money.plain(case.amount, case.currency),
        "currency": case.currency,
        "is_score_hidden": hides_score,
        "stake": None if hides_score else money.plain(case.stake, case.currency),
        "score": None if hides_score else case.score,
        "is_audit": None if hides_score else case.is_audit,
        "top_reason": None if hides_score else case.top_reason,
        "merchant_id": case.merchant_id,
        "merchant_name": case.merchant_name,
        "customer_id": case.customer_id,
        "device_id": case.device_id,
        "channel": case.channel,
        "country": case.country,
        "tags": list(tags),
        "verdict": case.verdict,
        "typology": case.typology,
        "decided_by": person(case.decided_by),
        "decided_at": case.decided_at,
    }


def payment(alert: Decision, explained: Explanation | None, *, hides_score: bool) -> Json:
    """A flagged payment of the case, with its decision and its explanation."""
    shown = {
        "score": alert.score,
        "anomaly_score": alert.anomaly_score,
        "reasons": alert.reasons,
        "rule_hits": alert.rule_hits,
        "explanation": None if explained is None else explanation_shown(explained),
    }
    return {
        **short_payment(alert),
        "decision": reverse("decision", args=[alert.transaction_id]),
        "card_id": alert.card_id,
        "customer_id": alert.customer_id,
        "device_id": alert.device_id,
        "ip_address": alert.ip_address,
        "channel": alert.record.get("channel", ""),
        "merchant_country": alert.record.get("merchant_country", ""),
        "card_country": alert.record.get("card_country", ""),
        "decided_at": alert.decided_at,
        "degraded": alert.degraded,
        "model_version": alert.model_version,
        "policy_version": alert.policy_version,
        "label_source": alert.label_source or "",  # type: ignore[attr-defined]
        **(dict.fromkeys(shown) if hides_score else shown),
    }


def short_payment(one: Decision) -> Json:
    """What any payment has; of the card's others, which a verdict may be on too, no more is shown."""
    return {
        "transaction_id": one.transaction_id,
        "occurred_at": one.occurred_at,
        "amount": money.plain(one.amount, one.currency),
        "currency": one.currency,
        "merchant_id": one.merchant_id,
        "merchant_name": one.merchant_name,
        "merchant_category": one.merchant_category,
        "outcome": one.outcome,
        "label": one.label or "",  # type: ignore[attr-defined]
    }


def fact(one: evidence.Fact) -> Json:
    return {
        "name": one.name, "value": one.value, "note": one.note, "is_new": one.is_new, "kind": one.kind,
        "entity": one.entity,
    }  # fmt: skip


def related(group: Related, sight: Sight) -> Json:
    return {
        "kind": group.entity.kind,
        "name": group.entity.name,
        "summary": group.summary,
        "payments": [_related_payment(one, sight) for one in group.payments],
        "has_more": group.has_more,
    }


def _related_payment(one: RelatedPayment, sight: Sight) -> Json:
    is_unsaid = sight.is_blind_to(one.case_id)
    return {
        "card_id": one.card_id,
        "amount": money.plain(one.amount, one.currency),
        "currency": one.currency,
        "occurred_at": one.occurred_at,
        "outcome": one.outcome,
        "label": "" if is_unsaid else one.label,
        "case_id": one.case_id,
        "payments_of_card": one.count,
    }


def note(event: CaseEvent) -> Json:
    return {
        "at": event.happened_at,
        "by": person(event.actor),
        "by_key": key_name(event.api_key),
        "kind": event.kind,
        "text": event.text,
    }


def file(one: Attachment) -> Json:
    return {
        "id": one.id, "name": one.name, "kind": one.kind, "bytes": one.size, "uploaded_by": person(one.uploaded_by),
        "uploaded_at": one.uploaded_at,
    }  # fmt: skip


def history(found: History) -> Json:
    """A page of it; `older` is the value of `before` for the next one, empty at the end."""
    looks = [{"name": one.name, "times": one.times, "first": one.first, "last": one.last} for one in found.lookers]
    return {"entries": [_entry(entry) for entry in found.entries], "looks": looks, "older": found.older}


def _entry(entry: Entry) -> Json:
    return {"at": entry.at, "title": entry.title, "by": person(entry.actor), "by_key": entry.by_key, "text": entry.text}


def verdict_head(said: Verdict) -> Json:
    return {
        "id": said.id,
        "verdict": said.verdict,
        "typology": said.typology,
        "why_wrong": said.why_wrong,
        "note": said.note,
        "said_by": person(said.analyst),
        "said_at": said.said_at,
        "state": said.state,
        "needs_approval": said.needs_approval,
        "settled_at": said.settled_at,
        "settled_by": person(said.settled_by),
        "refusal": said.refusal,
    }


def effect(one: VerdictEffect) -> Json:
    return {"kind": one.kind, "entity": one.entity, "days": one.days, "left_at": one.left_at, "words": one.words}
