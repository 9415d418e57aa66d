"""Takes files into a case, hands them out, removes them; each is in the history."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from cases import files, words
from cases.models import Attachment, AttachmentContent, Case, CaseEvent

MAX_FILES = 20


class NotThereError(Exception):
    """The case has no such file, or it has been removed."""


class NotYoursError(Exception):
    """Somebody else put the file there; nothing changed."""


@dataclass(frozen=True)
class Download:
    """A file on its way to a browser."""

    name: str
    content_type: str
    data: bytes


def too_large() -> files.FileRefusedError:
    """What somebody is told whose file is over the limit."""
    return files.FileRefusedError(f"The file is larger than {settings.ATTACHMENT_MAX_MB} MB.")


@transaction.atomic
def attach(*, case: Case, name: str, data: bytes, author: User, now: datetime) -> Attachment:
    """Keep a file with the case, open or decided.

    Raises:
        files.FileRefusedError: with the reason in words; nothing was kept.
    """
    if len(data) > settings.ATTACHMENT_MAX_MB * 1_000_000:
        raise too_large()
    name = files.safe_name(name)
    kind = files.kind_of(name, data)
    sha256 = hashlib.sha256(data).hexdigest()
    # Locked, so that two uploads at once are counted one after the other.
    Case.objects.select_for_update().only("id").get(id=case.id)
    _check_room(case, sha256)
    attachment = Attachment.objects.create(
        case=case, name=name, kind=kind, size=len(data), sha256=sha256, uploaded_by=author, uploaded_at=now
    )
    AttachmentContent.objects.create(attachment=attachment, data=data)
    _remember(case.id, f"added {name} ({kind.label}, {words.size(len(data))})", actor=author, now=now)
    return attachment


def download(*, case: Case, attachment_id: UUID, actor: User, now: datetime) -> Download:
    """The bytes of a file, and a line in the history about who took them.

    Raises:
        NotThereError: nothing was read and nothing recorded.
    """
    content = AttachmentContent.objects.filter(
        attachment=attachment_id, attachment__case=case, attachment__removed_at=None
    )
    found = content.select_related("attachment").first()
    if found is None:
        raise NotThereError(attachment_id)
    attachment = found.attachment
    _remember(case.id, f"downloaded {attachment.name}", actor=actor, now=now)
    return Download(attachment.name, files.CONTENT_TYPES[files.Kind(attachment.kind)], bytes(found.data))


@transaction.atomic
def remove(*, case: Case, attachment_id: UUID, actor: User, now: datetime, may_remove_others: bool = False) -> str:
    """Drop the bytes of a file; its row stays and says who removed it. Returns its name.

    Raises:
        NotThereError, NotYoursError: nothing changed.
    """
    attachment = Attachment.objects.filter(id=attachment_id, case=case).first()
    if attachment is None:
        raise NotThereError(attachment_id)
    if attachment.uploaded_by_id != actor.id and not may_remove_others:
        raise NotYoursError(attachment_id)
    # Of two who remove at once, the database lets one.
    if not Attachment.objects.filter(id=attachment_id, removed_at=None).update(removed_at=now, removed_by=actor):
        raise NotThereError(attachment_id)
    AttachmentContent.objects.filter(attachment=attachment_id).delete()
    _remember(case.id, f"removed {attachment.name}", actor=actor, now=now)
    return attachment.name


def _check_room(case: Case, sha256: str) -> None:
    present = dict(Attachment.objects.filter(case=case, removed_at=None).values_list("sha256", "name"))
    if sha256 in present:
        raise files.FileRefusedError(f"The case has this file already: {present[sha256]}.")
    if len(present) >= MAX_FILES:
        raise files.FileRefusedError(f"The case has {MAX_FILES} files, the most it may have. Remove one first.")


def _remember(case_id: UUID, text: str, *, actor: User, now: datetime) -> None:
    CaseEvent.objects.create(case_id=case_id, kind=CaseEvent.Kind.ATTACHED, actor=actor, happened_at=now, text=text)
