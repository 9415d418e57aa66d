"""Tables of the streams: progress and owner of each partition, workers, waiting labels, dead letters."""

from django.conf import settings
from django.db import models
from django.db.models.functions import MD5, Now


class StreamProgress(models.Model):
    """How far a partition is decided, and who reads it. Moves in the decisions' transaction, fenced by the epoch."""

    stream = models.CharField(max_length=64)
    partition = models.CharField(max_length=64)
    position = models.CharField(max_length=64, blank=True, default="")
    # Raised by each worker that takes the partition: what an earlier one still has in hand no longer fits.
    epoch = models.BigIntegerField(default=0)
    owner = models.CharField(max_length=32, blank=True, default="", help_text="The worker that reads it; empty: none.")
    lease_until = models.DateTimeField(null=True, blank=True)
    # Records refused since the last batch that held a valid one: how a poisoned stream is known again after a restart.
    refused = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True, help_text="When a closed partition was read to its end.")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "stream progress"
        constraints = [models.UniqueConstraint(fields=["stream", "partition"], name="progress_once")]

    def __str__(self) -> str:
        return f"{self.stream}/{self.partition} at {self.position}"


class StreamWorker(models.Model):
    """A worker of a stream as it last said of itself. The partitions are shared among those seen lately."""

    owner = models.CharField(max_length=32)
    stream = models.CharField(max_length=64)
    seen_at = models.DateTimeField()
    lag_records = models.BigIntegerField(null=True, help_text="Records it has not read; empty: the broker cannot say.")
    oldest_seconds = models.FloatField(null=True, help_text="Age of the oldest record of its last batch.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "owner"], name="stream_worker_once")]

    def __str__(self) -> str:
        return f"{self.owner} reads {self.stream}"


class WaitingLabel(models.Model):
    """A label that came before its payment, until the payment is decided or patience ends."""

    stream = models.CharField(max_length=64)
    partition = models.CharField(max_length=64)
    position = models.CharField(max_length=64)
    transaction_id = models.CharField(max_length=64, db_index=True)
    body = models.BinaryField()
    since = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "partition", "position"], name="waiting_label_once")]

    def __str__(self) -> str:
        return f"{self.stream}/{self.partition}/{self.position} waits for {self.transaction_id}"


class DeadLetter(models.Model):
    """A record that is not what its stream carries: its bytes as they came, why, and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent again"
        SET_ASIDE = "set_aside", "Set aside"

    stream = models.CharField(max_length=64)
    partition = models.CharField(max_length=64)
    position = models.CharField(max_length=64)
    body = models.BinaryField()
    errors = models.JSONField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        permissions = [("resend_deadletter", "Can send dead letters again or set them aside")]
        constraints = [
            models.UniqueConstraint(fields=["stream", "partition", "position"], name="dead_letter_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "sending", "sent", "set_aside"]),
                name="dead_letter_state_known",
            ),
        ]
        indexes = [
            models.Index(fields=["state"], condition=~models.Q(state="sent"), name="dead_letter_to_do"),
            # Finds the letter that a message sent again became.
            models.Index(MD5("body"), name="dead_letter_by_body"),
        ]

    def __str__(self) -> str:
        return f"{self.stream}/{self.partition}/{self.position}"


class DeadLetterEvent(models.Model):
    """What a person did with a dead letter. Append only."""

    class Kind(models.TextChoices):
        RESEND = "resend", "Sent again"
        SET_ASIDE = "set_aside", "Set aside"

    letter = models.ForeignKey(DeadLetter, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, help_text="Empty: by command."
    )
    happened_at = models.DateTimeField()
    # What was sent instead of the letter's own bytes, card numbers masked.
    body = models.BinaryField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.kind} {self.letter_id}"
