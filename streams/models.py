"""Tables of the streams: progress per partition, dead letters."""

from django.db import models
from django.db.models.functions import Now


class StreamProgress(models.Model):
    """How far a partition is decided. Moves with the decisions in one transaction, fenced by the owner's epoch."""

    stream = models.CharField(max_length=64)
    partition = models.CharField(max_length=64)
    position = models.CharField(max_length=64, blank=True, default="")
    epoch = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "partition"], name="progress_once")]

    def __str__(self) -> str:
        return f"{self.stream}/{self.partition} at {self.position}"


class DeadLetter(models.Model):
    """A record that is not a transaction: its bytes as they came, and why."""

    stream = models.CharField(max_length=64)
    partition = models.CharField(max_length=64)
    position = models.CharField(max_length=64)
    body = models.BinaryField()
    errors = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "partition", "position"], name="dead_letter_once")]

    def __str__(self) -> str:
        return f"{self.stream}/{self.partition}/{self.position}"
