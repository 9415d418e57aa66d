"""What is done to a case, one call each: by the console's services, under the name of the key's user."""

from django.http import HttpResponse
from rest_framework import serializers

from cases import access, tags
from cases import snooze as times
from cases.api import bodies, shapes
from cases.api.actor import load_visible, where_it_went
from cases.api.base import Act, CaseAction, blind_row, row
from cases.api.described import described
from cases.api.schemas import CaseSchema, NoteSchema
from cases.models import Case, Check, Queue
from cases.queries import blind
from cases.services import checks, claims, escalations, notes, presence, queues, reopening, snoozes
from cases.services import tags as tag_service
from scoring.api.answers import json_response


@described("claim_case", CaseSchema)
class ClaimView(CaseAction):
    """Take the case, or renew the claim one has: nobody else decides it while the claim runs.

    A claim ends by itself at `claim.until`; call again before that to keep it.
    """

    body = bodies.ClaimBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        claims.claim(case=case, analyst=act.user, now=act.now, is_renewal=act.said["renew"])
        presence.record_sign(case=case, viewer=act.user, now=act.now)
        return row(case, act)

    def on_blind(self, held: Check, act: Act) -> HttpResponse:
        checks.renew(held, now=act.now)
        return blind_row(held, act, is_held=True)


@described("release_case", CaseSchema)
class ReleaseView(CaseAction):
    """Give the case back to its queue; one that is free stays so. Leads may release the claims of others."""

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        may = access.may_release_others(act.user)
        claims.release(case=case, actor=act.user, now=act.now, may_release_others=may)
        return row(case, act)

    def on_blind(self, held: Check, act: Act) -> HttpResponse:
        return _given_back(held, act)


@described("skip_case", CaseSchema)
class SkipView(CaseAction):
    """Leave the case to somebody else; `next` passes it over for a while."""

    body = bodies.SkipBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        claims.skip(case=case, analyst=act.user, reason=act.said["reason"], now=act.now)
        return row(case, act)

    def on_blind(self, held: Check, act: Act) -> HttpResponse:
        return _given_back(held, act)


@described("escalate_case", CaseSchema)
class EscalateView(CaseAction):
    """Hand the case on to the queue its own escalates to, with that one's time to decide."""

    body = bodies.EscalateBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        escalations.escalate(case=case, analyst=act.user, reason=act.said["reason"], now=act.now)
        return row(case, act)

    def on_blind(self, held: Check, act: Act) -> HttpResponse:
        if held.case.queue is None or held.case.queue.escalates_to is None:
            raise escalations.NobodyToEscalateToError(held.case_id)
        return _given_back(held, act)


@described("move_case", CaseSchema)
class MoveView(CaseAction):
    """Put the case into another queue, with that one's time to decide. For leads."""

    body = bodies.MoveBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        queues.move_case(case=case, queue=_chosen(act), actor=act.user, now=act.now)
        return row(case, act)

    def on_blind(self, held: Check, act: Act) -> HttpResponse:
        _chosen(act)
        return _given_back(held, act)


def _chosen(act: Act) -> Queue:
    access.check_may_move(act.user)
    queue = access.desk_for(act.user).queue(act.said["queue"])
    if queue is None:
        raise serializers.ValidationError({"queue": "is no queue that you see."})
    return queue


@described("snooze_case", CaseSchema)
class SnoozeView(CaseAction):
    """Take the case out of the queue until a time; the time it is due at stays."""

    body = bodies.SnoozeBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        snoozes.snooze(
            case=case,
            analyst=act.user,
            until=act.said["until"],
            reason=act.said["reason"],
            now=act.now,
            may_pass_due=access.may_snooze_past_due(act.user),
            seen_alerts=act.said.get("seen_alerts"),
        )
        return row(case, act)

    def on_blind(self, held: Check, act: Act) -> HttpResponse:
        times.check_until(
            act.said["until"],
            now=act.now,
            due_at=held.case.due_at + blind.lag_of(held),
            may_pass_due=access.may_snooze_past_due(act.user),
        )
        return _given_back(held, act)


@described("wake_case", CaseSchema)
class WakeView(CaseAction):
    """Put a snoozed case back into the queue; one that is awake stays so."""

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        snoozes.wake(case=case, actor=act.user, now=act.now)
        return row(case, act)


@described("note_case", NoteSchema, status=201)
class NotesView(CaseAction):
    """Write a note, on an open or a decided case. One on a merged case goes where the case went."""

    body = bodies.NoteBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        case = where_it_went(act.user, case)
        note = notes.add_note(case=case, author=act.user, text=act.said["note"], now=act.now)
        return json_response(shapes.note(note), status=201)

    def on_blind(self, held: Check, act: Act) -> HttpResponse:
        checks.add_note(held, author=act.user, text=act.said["note"], now=act.now)
        held.refresh_from_db(fields=["notes"])
        return json_response(shapes.note(blind.own_notes(held, lag=blind.lag_of(held))[0]), status=201)


@described("tag_case", CaseSchema)
class TagsView(CaseAction):
    """Put tags on the case and take tags off; what is there, or is not, already changes nothing."""

    body = bodies.TagsBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        case = where_it_went(act.user, case)
        add, remove = _tag_names("add", act), _tag_names("remove", act)
        tag_service.change_tags(case=case, add=add, remove=remove, actor=act.user, now=act.now)
        return row(case, act)


def _tag_names(field: str, act: Act) -> list[str]:
    written: list[str] = act.said[field]
    try:
        return tags.names_in(",".join(written)) if written else []
    except tags.TagNameError as error:
        raise serializers.ValidationError({field: str(error)}) from error


@described("reopen_case", CaseSchema)
class ReopenView(CaseAction):
    """Look at a decided case once more, claimed; its labels stand until another verdict says otherwise."""

    body = bodies.ReopenBody

    def on_case(self, case: Case, act: Act) -> HttpResponse:
        reopening.reopen(case=case, actor=act.user, reason=act.said["reason"], now=act.now)
        return row(where_it_went(act.user, load_visible(act.user, case.id)[0]), act)


def _given_back(held: Check, act: Act) -> HttpResponse:
    checks.give_back(held)
    return blind_row(held, act, is_held=False)
