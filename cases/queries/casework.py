"""Tags and files of a case, and the tags people use."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from cases import access, snooze
from cases.models import Attachment, Case, CaseTag, Tag

_SUGGESTED = 60


@dataclass(frozen=True)
class CaseWork:
    """What has been added to a case, and what the user may add. `choices`: until when they may snooze it."""

    tags: list[Tag]
    files: list[Attachment]
    choices: list[snooze.Choice]
    may_snooze: bool
    may_remove_others: bool

    @property
    def first_choice(self) -> str:
        """What is chosen before anybody chooses; empty when there is no time left to sleep."""
        return next((choice.name for choice in self.choices if not choice.is_past_due), "")

    @property
    def kept(self) -> list[Attachment]:
        return [file for file in self.files if file.removed_at is None]


def work_on(case: Case, *, user: User, now: datetime) -> CaseWork:
    may_pass_due = access.may_snooze_past_due(user)
    choices = snooze.choices(now=now, due_at=case.due_at, may_pass_due=may_pass_due)
    is_open = case.status == Case.Status.OPEN and not case.is_snoozed(now)
    return CaseWork(
        tags=list(case.tags.order_by("name")),
        files=files_of(case),
        choices=choices,
        may_snooze=is_open and access.may_review(user),
        may_remove_others=access.may_remove_files_of_others(user),
    )


def files_of(case: Case) -> list[Attachment]:
    """All files, removed ones too, oldest first; without their bytes."""
    return list(case.attachments.select_related("uploaded_by", "removed_by").order_by("uploaded_at", "id"))


def suggested_tags() -> list[str]:
    """Tags that some case has, the last used first: at most 60."""
    in_use = Tag.objects.filter(Exists(CaseTag.objects.filter(tag=OuterRef("pk"))))
    return list(in_use.order_by("-used_at").values_list("name", flat=True)[:_SUGGESTED])


def prefetch_tags() -> "Prefetch[str, QuerySet[Tag], str]":
    """The tags of many cases, as their `shown_tags`, in one query."""
    return Prefetch("tags", queryset=Tag.objects.order_by("name"), to_attr="shown_tags")
