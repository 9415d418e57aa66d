"""The verdict by REST: say it, take it back, approve or refuse another's."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from rest_framework import serializers

from cases import access
from cases.api import bodies
from cases.api.answers import blind_verdict_answer, verdict_answer
from cases.api.base import Act, CaseAction, row
from cases.api.described import described
from cases.api.schemas import CaseSchema, VerdictSchema
from cases.models import Case, Check, Verdict
from cases.queries import blind, named_payments
from cases.services import approvals, checks, reopening, verdicts
from cases.services.verdict_payments import UnknownPaymentError, UnknownRecentError
from scoring.api.answers import json_response

_LISTED = ("block_device", "block_ip", "allow_device")
_NOT_RECENT = (
    "The card's other payments of the last seven days do not include {}. Name those of `recent_payments`; one that"
    " another open case is about, or one that waits for approval, is decided there."
)


@described("decide_case", VerdictSchema, status=201)
class VerdictView(CaseAction):
    """Decide the case. Labels, list entries and the word to the payment system leave at `undo_until`, unless undone.

    A verdict above an approval limit waits for a second person instead (`state` is `approval`). The case need not be
    claimed, but may not be claimed by somebody else.
    """

    body = bodies.VerdictBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        filled_in = {**act.said, **_by_ids(case, act, now=act.now)}
        try:
            verdicts.record(case=case, analyst=act.user, decided_at=act.now, **filled_in)
        except UnknownRecentError as error:
            raise serializers.ValidationError({"recent": _NOT_RECENT.format("one of these")}) from error
        except UnknownPaymentError as error:
            raise serializers.ValidationError({"overrides": "names a payment that left the case."}) from error
        answer = verdict_answer(case)
        assert answer is not None  # it was just said
        return json_response(answer, status=201)

    def on_blind(self, held: Check, act: Act) -> HttpResponse:
        _by_ids(held.case, act, now=blind.clock_of(held, now=act.now))
        if act.said.get("seen_alerts") not in (None, held.case.alert_count):
            raise verdicts.CaseGrewError(held.case_id)
        said = {name: act.said[name] for name in ("verdict", "typology", "note")}
        checks.record(held, reviewer=act.user, **said, decided_at=act.now)
        return json_response(blind_verdict_answer(held, said, now=act.now), status=201)


def _by_ids(case: Case, act: Act, *, now: datetime) -> dict[str, Any]:
    """What the body names by transaction ids and devices, by the ids the service knows; refused what is not there.

    now: the time on the clock of the case, which is not that of the call under blind review.
    """
    said = act.said
    _check_lists(case, act)
    try:
        ids = named_payments.flagged_by_name(case, said["overrides"])
    except named_payments.UnknownNamesError as error:
        wrong = {f"overrides.{name[:64]}": "is no payment of this case." for name in error.names}
        raise serializers.ValidationError(wrong) from error
    try:
        recent = named_payments.others_by_name(case, said["recent"], now=now) if "recent" in said else None
    except named_payments.UnknownNamesError as error:
        raise serializers.ValidationError({"recent": _NOT_RECENT.format(error)}) from error
    return {
        "overrides": {ids[name]: label for name, label in said["overrides"].items()},
        "recent": None if recent is None else list(recent.values()),
    }


def _check_lists(case: Case, act: Act) -> None:
    """What the verdict would put on a list: by who may, and of payments of the case."""
    said = act.said
    is_listing = said["block_days"] is not None or any(said[name] for name in _LISTED)
    if is_listing and not access.may_block(act.user):
        raise PermissionDenied(
            f"Your verdicts put nothing on a list: leave block_days, {', '.join(_LISTED[:-1])} and {_LISTED[-1]} out."
        )
    for name in ("block_device", "allow_device"):
        if said[name] and said[name] not in named_payments.devices_of(case):
            raise serializers.ValidationError({name: "is the device of no payment of this case."})
    if said["block_ip"] and said["block_ip"] not in named_payments.addresses_of(case):
        raise serializers.ValidationError({"block_ip": "is the address of no payment of this case."})


@described("undo_verdict", CaseSchema)
class UndoView(CaseAction):
    """Take back the verdict one said on the case, until it takes effect; the case is one's own again.

    Has the card an older open case, the verdict's case goes into it, and the answer is that one; is that in a queue
    one does not see, the answer is the verdict's case, merged.
    """

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        said = case.verdicts.select_related("analyst").filter(state__in=Verdict.UNSETTLED).first()
        if said is None:
            raise reopening.TooLateError(case.id)
        opened = reopening.undo(verdict=said, analyst=act.user, now=act.now)
        return row(_seen(opened, case, act), act)


@described("approve_verdict", CaseSchema)
class ApproveView(CaseAction):
    """Let the verdict of another person take effect, which waits for a second one. For leads."""

    body = bodies.ApproveBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        access.check_may_approve(act.user)
        said = access.get_verdict(case, act.said["verdict_id"])
        approvals.approve(verdict=said, approver=act.user, now=act.now)
        return row(case, act)


@described("refuse_verdict", CaseSchema)
class RefuseView(CaseAction):
    """Open the case of another person's waiting verdict again, with the reason. For leads."""

    body = bodies.RefuseBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        access.check_may_approve(act.user)
        said = access.get_verdict(case, act.said["verdict_id"])
        opened = approvals.refuse(
            verdict=said,
            approver=act.user,
            reason=act.said["reason"],
            hands_back=act.said["hands_back"],
            now=act.now,
        )
        return row(_seen(opened, case, act), act)


def _seen(opened: Case, case: Case, act: Act) -> Case:
    """The case that is open now, if the user sees its queue; else the one they asked about, which went into that."""
    return opened if access.desk_for(act.user).sees(opened.queue_id) else case
