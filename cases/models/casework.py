"""What analysts add to a case: tags and files."""

import uuid

from django.conf import settings
from django.db import models

from cases.models.case import Case

MAX_TAG_LENGTH = 32


class Tag(models.Model):
    """A short word that cases carry. Made by its first use; kept when no case has it any more."""

    name = models.CharField(max_length=MAX_TAG_LENGTH, unique=True)
    used_at = models.DateTimeField(help_text="When it was last put on a case: what is suggested first.")
    cases = models.ManyToManyField(Case, through="CaseTag", related_name="tags")

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[a-z0-9][a-z0-9_-]*$"), name="tag_is_one_plain_word"
            )
        ]
        indexes = [models.Index(fields=["-used_at"], name="tag_by_use")]

    def __str__(self) -> str:
        return self.name


class CaseTag(models.Model):
    """A tag on a case, by whom and since when."""

    # Served by the constraint's index.
    case = models.ForeignKey(Case, on_delete=models.PROTECT, db_index=False, related_name="case_tags")
    tag = models.ForeignKey(Tag, on_delete=models.PROTECT, related_name="case_tags")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["case", "tag"], name="case_tag_once")]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.case_id}"


class Attachment(models.Model):
    """A file of a case. Its row stays for ever; its bytes go when somebody removes it."""

    class Kind(models.TextChoices):
        PDF = "pdf", "PDF"
        PNG = "png", "PNG"
        JPEG = "jpeg", "JPEG"
        WEBP = "webp", "WebP"
        TEXT = "txt", "text"
        CSV = "csv", "CSV"
        EMAIL = "eml", "e-mail"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="attachments")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=4, choices=Kind.choices)
    size = models.PositiveIntegerField(help_text="In bytes.")
    sha256 = models.CharField(max_length=64)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("remove_attachment", "Can remove the files of others")]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "sha256"], condition=models.Q(removed_at=None), name="attachment_once_a_case"
            ),
            models.CheckConstraint(
                condition=models.Q(removed_at=None, removed_by=None)
                | models.Q(removed_at__isnull=False, removed_by__isnull=False),
                name="attachment_removed_by_somebody",
            ),
            models.CheckConstraint(condition=models.Q(size__gt=0), name="attachment_not_empty"),
        ]

    def __str__(self) -> str:
        return self.name


class AttachmentContent(models.Model):
    """The bytes of a file, apart from its row: a list of files must not load them."""

    attachment = models.OneToOneField(Attachment, primary_key=True, on_delete=models.PROTECT, related_name="content")
    data = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"bytes of {self.attachment_id}"
