"""What was said on cases, on which payments, and what follows from it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from cases.models.case import Case
from scoring.models import Decision, Label


class Verdict(models.Model):
    """One verdict: what an analyst said, when, and what became of it. Only its state moves on; no row is deleted.

    A verdict waits for its time to be undone, or for the approval of a second person; then it is done, undone or
    refused for good.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        APPROVAL = "approval", "Waiting for approval"
        DONE = "done"
        UNDONE = "undone"
        REFUSED = "refused"

    class WhyWrong(models.TextChoices):
        """Why the system stopped a payment of the cardholder."""

        USUAL = "usual", "Usual for them"
        TRAVEL = "travel", "Travelling"
        ONE_OFF = "one_off", "Gift or one-off"
        NEW_DEVICE = "new_device", "Their new device"
        BROAD_RULE = "broad_rule", "Rule too broad"
        OTHER = "other", "Other"

    UNSETTLED = (State.WAITING, State.APPROVAL)

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="verdicts")
    verdict = models.CharField(max_length=12, choices=Case.Verdict.choices)
    typology = models.CharField(max_length=20, choices=Case.Typology.choices, blank=True, default="")
    why_wrong = models.CharField(max_length=12, choices=WhyWrong.choices, blank=True, default="")
    note = models.CharField(max_length=2000, blank=True, default="")
    analyst = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="verdicts")
    # The key a program acted by in this person's name; empty for what they did themselves.
    api_key = models.ForeignKey(
        "scoring.ApiKey", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    said_at = models.DateTimeField()
    # From when on it takes effect; empty while a second person has to approve it.
    effects_at = models.DateTimeField(null=True, blank=True)
    needs_approval = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Who undid, approved or refused it; nobody where its time ran out.",
    )
    refusal = models.CharField(max_length=2000, blank=True, default="", help_text="Why it was refused.")
    # Of one that was approved or refused, user ids: whoever did the one and the other, or made the key it was done by.
    makers = ArrayField(models.IntegerField(), null=True, blank=True, editable=False)
    checkers = ArrayField(models.IntegerField(), null=True, blank=True, editable=False)

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("approve_verdict", "Can approve or refuse the verdicts of others"),
            ("block_by_verdict", "Can block a card or allow a device by a verdict"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["case"], condition=Q(state__in=["waiting", "approval"]), name="verdict_one_unsettled_a_case"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", effects_at__isnull=False, settled_at=None)
                | Q(state="approval", needs_approval=True, effects_at=None, settled_at=None)
                | Q(state__in=["done", "undone", "refused"], settled_at__isnull=False),
                name="verdict_state_and_times",
            ),
            # Four eyes: a verdict that needs a second person ends by one, or by its maker taking it back.
            models.CheckConstraint(
                condition=Q(settled_by=None) | Q(state="undone") | ~Q(settled_by=F("analyst")),
                name="verdict_not_approved_by_its_maker",
            ),
            models.CheckConstraint(
                condition=Q(makers=None) | Q(checkers=None) | ~Q(makers__overlap=F("checkers")),
                name="verdict_four_eyes_of_two_people",
            ),
            models.CheckConstraint(
                condition=Q(needs_approval=False) | Q(state="approval") | Q(settled_by__isnull=False),
                name="verdict_approved_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["effects_at"], condition=Q(state="waiting"), name="verdict_to_settle"),
            models.Index(fields=["said_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} on {self.case_id} ({self.state})"


class VerdictPayment(models.Model):
    """One payment of a verdict and the label it gets; empty: none. Append only."""

    verdict = models.ForeignKey(Verdict, on_delete=models.PROTECT, db_index=False, related_name="payments")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="verdict_payments")
    label = models.CharField(max_length=10, choices=Label.Truth.choices, blank=True, default="")

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["verdict", "decision"], name="verdict_payment_once"),
            models.CheckConstraint(
                condition=Q(label__in=["", "fraud", "legitimate"]), name="verdict_payment_label_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision_id}: {self.label or 'no label'}"


class VerdictEffect(models.Model):
    """One thing that a verdict causes, and when it left. Written with the verdict."""

    class Kind(models.TextChoices):
        LABEL = "label", "Labels"
        BLOCK_CARD = "block_card", "Blocked card"
        BLOCK_DEVICE = "block_dev", "Blocked device"
        BLOCK_IP = "block_ip", "Blocked address"
        UNBLOCK_CARD = "unblock", "Lifted blocks"
        ALLOW_DEVICE = "allow", "Allowed device"
        TELL = "tell", "Message to the payment system"

    verdict = models.ForeignKey(Verdict, on_delete=models.PROTECT, db_index=False, related_name="effects")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # The card, device or address.
    entity = models.CharField(max_length=64, blank=True, default="")
    # How long it stands on the list, 0 for ever; empty for what is no list.
    days = models.PositiveSmallIntegerField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    # What came of it, for people: how many, until when, or why nothing was done.
    words = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["verdict", "kind"], name="verdict_effect_once")]
        indexes = [
            models.Index(
                fields=["entity"], condition=Q(kind__in=["block_dev", "block_ip"]), name="verdict_effect_blocked"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of verdict {self.verdict_id}"


class ApprovalLimit(models.Model):
    """Verdicts of this kind on more than the amount wait for a second person. None for a kind: nobody has to."""

    verdict = models.CharField(max_length=12, choices=Case.Verdict.choices)
    currency = models.CharField(
        max_length=3, blank=True, default="", help_text="ISO 4217; empty: every currency without a limit of its own."
    )
    amount = models.DecimalField(
        max_digits=20, decimal_places=2, help_text="Of all its payments in the currency together; 0 for every verdict."
    )

    class Meta:
        default_permissions = ("add", "change", "delete", "view")
        constraints = [
            models.UniqueConstraint(fields=["verdict", "currency"], name="approval_limit_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="approval_limit_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex=r"^([A-Z]{3})?$"), name="approval_limit_currency"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} above {self.amount} {self.currency or 'in any currency'}"
