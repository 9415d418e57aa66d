"""Named lists of cards, merchants, addresses ...: what stands on them, and the trace of every change."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.db.models.lookups import StartsWith

from scoring.rules.lists import SNOOZE

BLOCK, ALLOW = "block", "allow"
# Made by a migration; pages and verdicts count on them.
GIVEN_LISTS = (BLOCK, ALLOW)
# Not longer than 40: `<name>_list:<entity>` stands among the codes that a decision keeps, of 64 characters.
LIST_NAME = r"^([a-z0-9][a-z0-9_-]{0,39}|snooze:[-a-zA-Z0-9_]+)$"


class Entity(models.TextChoices):
    """What a list can name of a payment."""

    CARD = "card"
    CUSTOMER = "customer"
    MERCHANT = "merchant"
    DEVICE = "device"
    IP = "ip", "IP address or network"
    COUNTRY = "country"
    CARD_PREFIX = "card_prefix", "card prefix"


class NamedList(models.Model):
    """A list. What it does to a payment is said by the policy in force, not here."""

    name = models.CharField(
        max_length=80,
        unique=True,
        help_text="How rules call it: small letters, digits, - and _, at most 40. Cannot be changed.",
    )
    title = models.CharField(max_length=100)
    purpose = models.CharField(max_length=500, blank=True, help_text="What it is for, and who keeps it.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "list"
        constraints = [models.CheckConstraint(condition=models.Q(name__regex=LIST_NAME), name="list_name_plain")]

    def __str__(self) -> str:
        return self.name


class ListEntry(models.Model):
    """A value that stands on a list, from now on until it expires or is taken off."""

    Entity = Entity

    # The column has the name it had when there were two lists: processes of before read it during an upgrade.
    list = models.ForeignKey(
        NamedList, to_field="name", db_column="kind", on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    entity = models.CharField(max_length=12, choices=Entity.choices)
    value = models.CharField(max_length=64)
    reason = models.CharField(max_length=200)
    source = models.CharField(
        max_length=100, db_default="manual", default="manual", help_text="manual, verdict, csv:<file> ..."
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "list entries"
        constraints = [
            models.UniqueConstraint(fields=["entity", "value", "list"], name="list_entry_once"),
            models.CheckConstraint(condition=models.Q(entity__in=Entity.values), name="list_entry_entity_known"),
            models.CheckConstraint(
                condition=~models.Q(entity=Entity.COUNTRY) | models.Q(value__regex="^[A-Z]{2}$"),
                name="list_entry_country_alpha2",
            ),
            models.CheckConstraint(
                condition=~models.Q(entity=Entity.CARD_PREFIX) | models.Q(value__regex="^.{4,}$"),
                name="list_entry_prefix_long",
            ),
            models.CheckConstraint(
                condition=~models.Q(StartsWith(models.F("list"), SNOOZE)) | models.Q(expires_at__isnull=False),
                name="list_entry_snooze_ends",
            ),
        ]
        indexes = [
            models.Index(fields=["list", "-id"], name="list_entry_newest"),
            models.Index(
                fields=["expires_at"], name="list_entry_expiring", condition=models.Q(expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.list_id} {self.entity} {self.value}"

    @property
    def snoozed_rule(self) -> str:
        """Code of the rule that is silent for the value; empty on other lists."""
        return self.list_id.removeprefix(SNOOZE) if self.list_id.startswith(SNOOZE) else ""


class ListImport(models.Model):
    """A file that changed a list: how, by whom, and how much. Append only."""

    class Mode(models.TextChoices):
        ADD = "add", "put on what the file names"
        REPLACE = "replace", "make the list what the file says"
        REMOVE = "remove", "take off what the file names"

    list = models.ForeignKey(NamedList, to_field="name", on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=90)
    mode = models.CharField(max_length=7, choices=Mode.choices)
    put_on = models.PositiveIntegerField(default=0)
    taken_off = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0, help_text="Lines that were wrong and passed over.")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    happened_at = models.DateTimeField(help_text="When it came to act, all at once.")

    def __str__(self) -> str:
        return f"{self.file_name} into {self.list_id}"


class ListChange(models.Model):
    """Who put what on a list or took it off, when and why: what `ListEntry` forgets. Append only."""

    class Action(models.TextChoices):
        ADDED = "added", "put on"
        REMOVED = "removed", "taken off"
        EXPIRED = "expired", "cleared away, expired,"

    action = models.CharField(max_length=7, choices=Action.choices)
    list = models.ForeignKey(
        NamedList, to_field="name", db_column="kind", on_delete=models.PROTECT, related_name="changes", db_index=False
    )
    entity = models.CharField(max_length=12, choices=Entity.choices)
    value = models.CharField(max_length=64)
    reason = models.CharField(max_length=200)
    source = models.CharField(max_length=100, db_default="", default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    # Of a file's changes the time is the import's: writing a million of them takes longer than a decision.
    part_of = models.ForeignKey(
        ListImport, null=True, blank=True, on_delete=models.PROTECT, related_name="changes", db_index=False
    )
    happened_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["entity", "value", "happened_at"], name="list_change_of"),
            models.Index(fields=["list", "-id"], name="list_change_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.list_id}: {self.entity} {self.value}"


class ListShape(models.Model):
    """A length of networks (bits; family 4 or 6) or card prefixes (characters; family 0) that lists have known.

    Payments are looked for under these lengths only. Rows are never taken away: what stood there once is looked for
    when a decision is made again.
    """

    entity = models.CharField(max_length=12, choices=Entity.choices)
    family = models.PositiveSmallIntegerField(default=0)
    length = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entity", "family", "length"], name="list_shape_once")]

    def __str__(self) -> str:
        return f"{self.entity} {self.family} {self.length}"
