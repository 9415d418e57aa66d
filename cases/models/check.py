"""Quality of review: what reviewers see first, first verdicts, blind second reviews and known cases."""

import secrets

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from cases.models.case import Case
from cases.models.handling import Variant

_TRUTHS = [(Case.Verdict.FRAUD.value, "Fraud"), (Case.Verdict.LEGITIMATE.value, "Legitimate")]
_IS_TRUTH = ["fraud", "legitimate"]


def make_salt() -> str:
    return secrets.token_hex(16)


def _between_0_and_1(*fields: str) -> Q:
    return Q(**{f"{field}__{side}": limit for field in fields for side, limit in (("gte", 0.0), ("lte", 1.0))})


class Display(models.TextChoices):
    """When a reviewer sees the score of a case."""

    NEVER_HIDDEN = "never", "Score from the start"
    ALWAYS_HIDDEN = "always", "Score after the verdict"
    AT_RANDOM = "random", "At random, case by case"


class ReviewSettings(models.Model):
    """The desk's shares and rates: one row."""

    display = models.CharField(max_length=6, choices=Display.choices, default=Display.NEVER_HIDDEN)
    data_first_share = models.FloatField(default=0.5)
    # Of finally decided cases: how many somebody else reviews too.
    second_share = models.FloatField(default=0.05)
    # Of the times somebody asks for the next case: how often they get a second review, and a known case.
    second_rate = models.FloatField(default=0.1)
    known_rate = models.FloatField(default=0.02)
    tells_known = models.BooleanField(default=True)
    # Without it an analyst could work out from a case's address whether it will be reviewed again.
    salt = models.CharField(max_length=32, default=make_salt, editable=False)

    class Meta:
        default_permissions = ("view", "change")
        verbose_name_plural = "review settings"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="review_settings_one_row"),
            models.CheckConstraint(
                condition=_between_0_and_1("data_first_share", "second_share", "second_rate", "known_rate"),
                name="review_settings_shares",
            ),
        ]

    def __str__(self) -> str:
        return "review settings"


class Reviewer(models.Model):
    """What differs from the desk's settings for one person."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviewer")
    display = models.CharField(max_length=6, choices=Display.choices, blank=True, default="")

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.user}: {self.get_display_display() or 'as the desk'}"


class FirstVerdict(models.Model):
    """The first final verdict of a case, and what became known later. Never changed by another verdict."""

    case = models.OneToOneField(Case, primary_key=True, on_delete=models.PROTECT, related_name="first_verdict")
    analyst = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=12, choices=Case.Verdict.choices)
    typology = models.CharField(max_length=20, choices=Case.Typology.choices, blank=True, default="")
    decided_at = models.DateTimeField()
    variant = models.CharField(max_length=11, choices=Variant.choices, blank=True, default="")
    # From the first look to the verdict; empty for a verdict without a claim.
    seconds = models.FloatField(null=True)
    # What a chargeback, an issuer's report or the customer said; empty while nobody has.
    truth = models.CharField(max_length=10, choices=_TRUTHS, blank=True, default="")
    # An analyst's later label says otherwise.
    is_corrected = models.BooleanField(default=False)

    class Meta:
        default_permissions = ("view",)
        indexes = [models.Index(fields=["decided_at"]), models.Index(fields=["analyst", "decided_at"])]

    def __str__(self) -> str:
        return f"{self.verdict} first, {self.case_id}"


class KnownCase(models.Model):
    """A manager or lead knows what a case was, whatever the labels say: reviewers are tried on it."""

    case = models.OneToOneField(Case, primary_key=True, on_delete=models.PROTECT, related_name="known")
    truth = models.CharField(max_length=10, choices=_TRUTHS)
    reason = models.CharField(max_length=500)
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    marked_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        permissions = [("mark_known_case", "Can mark cases as known, to try reviewers on")]
        constraints = [models.CheckConstraint(condition=Q(truth__in=_IS_TRUTH), name="known_case_truth")]

    def __str__(self) -> str:
        return f"{self.case_id} is known: {self.truth}"


class Check(models.Model):
    """A decided case that somebody reviews again without knowing it."""

    class Kind(models.TextChoices):
        SECOND = "second", "Second review"
        KNOWN = "known", "Known case"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="checks")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    # The first verdict, or the known truth.
    expected = models.CharField(max_length=12, choices=Case.Verdict.choices)
    expected_typology = models.CharField(max_length=20, choices=Case.Typology.choices, blank=True, default="")
    first_analyst = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    # User ids: whoever gave the first verdict, or made the key it was given by. Empty where nobody kept them.
    first_people = ArrayField(models.IntegerField(), null=True, blank=True, editable=False)
    # When the first verdict was given: the reviewer sees the case as it was then.
    as_of = models.DateTimeField()
    probability = models.FloatField(null=True, help_text="With which the case was drawn; empty for a known case.")
    made_at = models.DateTimeField()
    # Who has it, as a lease like a claim's.
    analyst = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    taken_at = models.DateTimeField(null=True, blank=True)
    taken_until = models.DateTimeField(null=True, blank=True)
    # The key a program took it by in the reviewer's name, or decided it by; empty for what they did themselves.
    api_key = models.ForeignKey(
        "scoring.ApiKey", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    # User ids: whoever took, noted on or decided it, or made the key that was done by. Empty where nobody kept them.
    reviewer_people = ArrayField(models.IntegerField(), null=True, blank=True, editable=False)
    # Who had it, and has not read the case as it is since: what their programs send was meant for an undecided case.
    handed_to = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    variant = models.CharField(max_length=11, choices=Variant.choices, blank=True, default="")
    # All that the reviewer wrote, and each note before the verdict: {"at", "api_key": id or null, "text"}.
    note = models.TextField(blank=True, default="")
    notes = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), editable=False)
    verdict = models.CharField(max_length=12, choices=Case.Verdict.choices, blank=True, default="")
    typology = models.CharField(max_length=20, choices=Case.Typology.choices, blank=True, default="")
    decided_at = models.DateTimeField(null=True, blank=True)
    agrees = models.BooleanField(null=True)
    # What stands, said by a third person when the two disagree.
    settled_as = models.CharField(max_length=12, choices=Case.Verdict.choices, blank=True, default="")
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_why = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("view_quality", "Can see the quality of review"),
            ("settle_check", "Can settle disagreements of reviewers"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["case"], condition=Q(kind="second"), name="check_one_second_a_case"),
            models.UniqueConstraint(
                fields=["case"], condition=Q(kind="known", decided_at=None), name="check_one_known_waiting_a_case"
            ),
            models.UniqueConstraint(fields=["analyst"], condition=Q(decided_at=None), name="check_one_a_person"),
            models.CheckConstraint(condition=~Q(analyst=F("first_analyst")), name="check_by_somebody_else"),
            models.CheckConstraint(
                condition=Q(first_people=None)
                | Q(reviewer_people=None)
                | ~Q(first_people__overlap=F("reviewer_people")),
                name="check_four_eyes_of_two_people",
            ),
            models.CheckConstraint(
                condition=Q(analyst=None, taken_at=None, taken_until=None)
                | Q(analyst__isnull=False, taken_at__isnull=False, taken_until__isnull=False),
                name="check_taken_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, verdict="", agrees=None)
                | Q(decided_at__isnull=False, analyst__isnull=False, agrees__isnull=False)
                & Q(agrees=True, verdict=F("expected"))
                | Q(decided_at__isnull=False, analyst__isnull=False, agrees__isnull=False, agrees=False)
                & ~Q(verdict__in=["", F("expected")]),
                name="check_decided_has_verdict",
            ),
            models.CheckConstraint(
                condition=Q(settled_at=None, settled_by=None, settled_as="")
                | Q(settled_at__isnull=False, settled_by__isnull=False, agrees__isnull=False, agrees=False)
                & ~Q(settled_as=""),
                name="check_settled_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "made_at"], condition=Q(decided_at=None), name="check_waiting"),
            models.Index(fields=["decided_at"]),
            models.Index(fields=["analyst", "decided_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} review of {self.case_id}"
