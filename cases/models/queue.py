"""Queues: who works on which cases, in what order and by when."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

_DAY = 24 * 60
_MONTH = 30 * _DAY


class Queue(models.Model):
    """A line of cases. A new case goes to the first queue by position whose condition holds, else to the default."""

    class TimeOut(models.TextChoices):
        NOTHING = "nothing", "Nothing: it stays, marked as over time"
        ESCALATE = "escalate", "Escalate it"
        DECIDE = "decide", "Decide by default, without labels"

    # The verdicts of a case; here too, for a case knows its queue.
    VERDICTS = [("fraud", "Fraud"), ("legitimate", "Legitimate"), ("inconclusive", "Inconclusive")]

    slug = models.SlugField(max_length=40, unique=True, help_text="Its name in addresses and metrics.")
    title = models.CharField(max_length=40, unique=True)
    position = models.PositiveIntegerField(default=100, help_text="The first that fits takes a case; 1 is asked first.")
    condition = models.TextField(
        max_length=2000,
        blank=True,
        default="",
        help_text="In the language of rules: amount >= 500 AND channel = 'ecommerce'. Empty takes every case.",
    )
    least_similarity = models.FloatField(
        "least similarity to frauds",
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="0 to 1: beside its condition, a payment has to be so similar to confirmed frauds. Empty: any.",
    )
    takes_new = models.BooleanField(
        "takes new cases", default=True, help_text="Off: cases come by escalation or by hand only."
    )
    is_enabled = models.BooleanField(
        "enabled", default=True, help_text="Off: no case comes in any more; those in it can be worked off."
    )
    is_default = models.BooleanField(default=False, editable=False)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="queues",
        help_text="Who sees its cases and works on them. Without members and groups: everybody who may review.",
    )
    groups = models.ManyToManyField(Group, blank=True, related_name="queues", help_text="Their people are members.")
    sla_minutes = models.PositiveIntegerField(
        "SLA", default=60, validators=[MinValueValidator(1), MaxValueValidator(_MONTH)], help_text="Minutes to decide."
    )
    warn_minutes = models.PositiveIntegerField(
        "warning", default=10, help_text="So many minutes before the SLA ends those who work here are warned; 0: never."
    )
    half_life_minutes = models.PositiveIntegerField(
        "half-life of urgency",
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(_MONTH)],
        help_text="A case with so many minutes less to go weighs like one with twice as much at stake.",
    )
    on_timeout = models.CharField("when time is up", max_length=8, choices=TimeOut.choices, default=TimeOut.NOTHING)
    default_verdict = models.CharField(
        max_length=12, choices=VERDICTS, blank=True, default="", help_text="Of cases decided by default."
    )
    escalates_to = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        permissions = [
            ("view_all_queues", "Can see the cases of queues they are no member of"),
            ("move_case", "Can move cases to another queue"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="queue_one_default"),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(is_enabled=True, takes_new=True, condition="", least_similarity=None),
                name="queue_default_takes_all",
            ),
            models.CheckConstraint(
                condition=Q(least_similarity=None) | Q(least_similarity__gte=0, least_similarity__lte=1),
                name="queue_similarity_0_to_1",
            ),
            models.CheckConstraint(
                condition=Q(sla_minutes__gt=0, half_life_minutes__gt=0, warn_minutes__lt=F("sla_minutes")),
                name="queue_times_in_order",
            ),
            models.CheckConstraint(
                condition=Q(on_timeout="nothing")
                | Q(on_timeout="escalate", escalates_to__isnull=False)
                | Q(on_timeout="decide", default_verdict__in=["fraud", "legitimate", "inconclusive"]),
                name="queue_timeout_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(escalates_to=None) | ~Q(escalates_to=F("id")), name="queue_escalates_elsewhere"
            ),
        ]

    def __str__(self) -> str:
        return self.title
