"""Answers about cases, put together from the console's own queries."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from cases import access
from cases.api import shapes
from cases.api.shapes import Json
from cases.models import Case, Check, Variant, Verdict
from cases.queries import blind, casework, verdict_panel
from cases.queries import history as histories
from cases.queries import presence as presence_queries
from cases.queries.case_detail import CaseDetail, case_detail
from cases.queries.case_list import CasePage
from cases.queries.history import History
from cases.queries.sight import sight_of
from cases.queries.verdict_panel import VerdictPanel
from cases.services.review_settings import current_settings
from cases.sight import Sight
from scoring.models import Decision


def page_answer(page: CasePage, *, now: datetime) -> list[Json]:
    return [
        shapes.case_row(
            case,
            tags=[tag.name for tag in case.shown_tags],  # type: ignore[attr-defined]
            hides_score=page.sight.hides_score(case.id, case.status),
            now=now,
        )
        for case in page.cases
    ]


def row_answer(case: Case, *, user: User, now: datetime) -> Json:
    """The case as it is now: what an action answers."""
    case = Case.objects.select_related("claimed_by", "decided_by", "queue").get(id=case.id)
    tags = case.tags.order_by("name").values_list("name", flat=True)
    return shapes.case_row(case, tags=tags, hides_score=sight_of(user).hides_score(case.id, case.status), now=now)


def detail_answer(case: Case, *, user: User, now: datetime) -> Json:
    """Everything the page of the case shows."""
    sight = sight_of(user)
    hides_score = sight.hides_score(case.id, case.status)
    detail = case_detail(case, desk=access.desk_for(user))
    work = casework.work_on(case, user=user, now=now)
    return {
        **shapes.case_row(case, tags=[tag.name for tag in work.tags], hides_score=hides_score, now=now),
        **_evidence(detail, sight=sight, hides_score=hides_score),
        "notes": [shapes.note(event) for event in detail.notes],
        "files": [shapes.file(one) for one in work.kept],
        "lookers": [shapes.person(one) for one in presence_queries.lookers_at(case, besides=user, now=now)],
        **_prospects(verdict_panel.verdict_panel(case, detail.alerts, now=now), case, user=user),
        "history": shapes.history(histories.history_of(case)),
    }


def blind_detail_answer(held: Check, *, user: User, now: datetime) -> Json:
    """The same of a case under blind review, as it was, told as if it had been flagged today.

    Only the payments keep their dates: whoever sent them knows these.
    """
    shown = blind.blind_case(held, desk=access.desk_for(user), now=now)
    lag = blind.lag_of(held)
    for alert in shown.detail.alerts:
        alert.decided_at += lag
    return {
        **blind_row_answer(held, now=now),
        **_evidence(shown.detail, sight=sight_of(user), hides_score=_hides_score(held)),
        "notes": [shapes.note(event) for event in blind.own_notes(held, lag=lag)],
        "files": [],
        "lookers": [],
        **_prospects(shown.panel, shown.case, user=user),
        "history": shapes.history(blind.blind_history(held, lag=lag)),
    }


def blind_row_answer(held: Check, *, now: datetime, is_held: bool = True) -> Json:
    """The case as open as it was, and with as much time left; claimed by its reviewer while `is_held`."""
    case = blind.undecided(held, now=now)
    lag = blind.lag_of(held)
    case.opened_at, case.due_at = case.opened_at + lag, case.due_at + lag
    case.claimed_by, case.claimed_until = (held.analyst, held.taken_until) if is_held else (None, None)
    case.snoozed_until = None
    return shapes.case_row(case, tags=[], hides_score=_hides_score(held), now=now)


def _hides_score(held: Check) -> bool:
    return held.variant == Variant.DATA_FIRST


def history_answer(case: Case, *, before: str) -> Json:
    """Raises: UnknownPositionError: `before` names no place in a history."""
    return shapes.history(histories.history_of(case, before=before))


def blind_history_answer(held: Check, *, before: str) -> Json:
    found = blind.blind_history(held, lag=blind.lag_of(held))
    return shapes.history(History(entries=[], lookers=[], older="") if before else found)


def verdict_answer(case: Case) -> Json | None:
    """The last verdict that was said on the case."""
    return _said(verdict_panel.last_verdict(case))


def blind_verdict_answer(held: Check, said: dict[str, Any], *, now: datetime) -> Json:
    """A review is over with its verdict: nothing follows from it, and there is nothing to take back."""
    verdict = Verdict(analyst=held.analyst, said_at=now, settled_at=now, state=Verdict.State.DONE, **said)
    is_told = held.kind == Check.Kind.KNOWN and current_settings().tells_known
    known_as = held.expected if is_told else None
    return {**shapes.verdict_head(verdict), "undo_until": None, "labels": {}, "effects": [], "known_as": known_as}


def _evidence(detail: CaseDetail, *, sight: Sight, hides_score: bool) -> Json:
    return {
        "payments": [
            shapes.payment(alert, detail.explanations.get(alert.id), hides_score=hides_score) for alert in detail.alerts
        ],
        "headline": detail.headline.transaction_id,
        "facts": [shapes.fact(one) for one in detail.facts],
        "related": [shapes.related(group, sight) for group in detail.related],
    }


def _prospects(panel: VerdictPanel, case: Case, *, user: User) -> Json:
    """The last verdict, what another one would cause, and what the user may do."""
    target = case.queue.escalates_to if case.queue else None
    return {
        "last_verdict": _said(panel.last),
        "recent_payments": [shapes.short_payment(one) for one in panel.recent],
        "payments_held": panel.held,
        "needs_approval": sorted(panel.needs_approval),
        "lifts_block": panel.lifts_block,
        "escalates_to": shapes.queue(target),
        "may": {
            "review": access.may_review(user),
            "block": access.may_block(user),
            "approve": access.may_approve(user),
            "release_others": access.may_release_others(user),
            "move": access.may_move(user),
            "snooze_past_due": access.may_snooze_past_due(user),
        },
    }


def _said(said: Verdict | None) -> Json | None:
    if said is None:
        return None
    payments = list(said.payments.all())
    ids = [one.decision_id for one in payments]
    names = dict(Decision.objects.filter(id__in=ids).values_list("id", "transaction_id"))
    until = said.effects_at if said.state == Verdict.State.WAITING else None
    return {
        **shapes.verdict_head(said),
        "undo_until": until,
        "labels": {names[one.decision_id]: one.label or "none" for one in payments},
        "effects": [shapes.effect(one) for one in said.effects.all()],
        "known_as": None,
    }
