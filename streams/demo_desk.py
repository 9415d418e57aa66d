"""A desk with some life in it, for the demo: cases of the last payments, and what colleagues did with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from cases.models import Case
from cases.services import attachments, notes, snoozes, tags
from cases.services.alerts import open_cases
from scoring.models import Decision, Outcome

_PAYMENTS = 12
_CALL = """Call with the cardholder
Asked for the last three purchases: named two of them, not this one.
Has the card in hand; the phone number on file is right.
"""


@dataclass(frozen=True)
class _Touch:
    """What one colleague did with a case."""

    who: str
    tags: tuple[str, ...] = ()
    note: str = ""
    file: str = ""
    snooze: str = ""


_TOUCHES = (
    _Touch("alice", tags=("called_cardholder",), note="Does not know this payment.", file="call.txt"),
    _Touch("bob", tags=("waits_for_bank",), snooze="The issuer looks into it and calls back"),
    _Touch("alice", tags=("same_shop", "ring-7"), note="Third card with this pattern since yesterday."),
    _Touch("bob", tags=("ring-7",)),
)


def begin_desk(people: Mapping[str, User], *, now: datetime) -> int:
    """Open cases for the newest flagged payments that have none and that nobody has labelled; returns how many.

    `people` holds alice, an analyst, and bob, a lead.
    """
    flagged = Decision.objects.filter(outcome__in=[Outcome.REVIEW, Outcome.DECLINE], labels=None, alert=None)
    newest = list(flagged.order_by("-occurred_at").values_list("id", flat=True)[:_PAYMENTS])
    cases = list({entry.case_id: entry.case for entry in open_cases(newest, now=now)}.values())
    for case, touch in zip(cases, _TOUCHES, strict=False):
        _work_on(case, touch, author=people[touch.who], now=now)
    return len(cases)


def _work_on(case: Case, touch: _Touch, *, author: User, now: datetime) -> None:
    tags.add_tags(case=case, names=touch.tags, author=author, now=now)
    if touch.note:
        notes.add_note(case=case, author=author, text=touch.note, now=now)
    if touch.file:
        attachments.attach(case=case, name=touch.file, data=_CALL.encode(), author=author, now=now)
    if touch.snooze:
        tomorrow = now + timedelta(days=1)
        snoozes.snooze(case=case, analyst=author, until=tomorrow, reason=touch.snooze, now=now, may_pass_due=True)
