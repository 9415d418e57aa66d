"""The random audit of approved payments: what is set, with which chance, and what was drawn."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from scoring.models import Decision

# More would not be a sample any more, and the desk's day.
LARGEST_SHARE = 0.05
MOST_REVIEWS = 10_000


class AuditSetting(models.Model):
    """A share of the approved payments and a cap on reviews a day, from `set_at` until the next. Append only."""

    share = models.FloatField(help_text="Of approved payments, 0-0.05; 0: no audit.")
    daily_reviews = models.PositiveIntegerField(help_text="The chance falls where more would be drawn in a day (UTC).")
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(share__gte=0, share__lte=LARGEST_SHARE), name="audit_share"),
            models.CheckConstraint(
                condition=Q(daily_reviews__gte=1, daily_reviews__lte=MOST_REVIEWS), name="audit_daily_reviews"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.share:.4%} from {self.set_at:%Y-%m-%d %H:%M}"


class AuditRate(models.Model):
    """The chance with which a day (UTC) began under a setting, and what it was made of. Append only."""

    setting = models.ForeignKey(AuditSetting, on_delete=models.PROTECT, related_name="rates", db_index=False)
    day = models.DateField()
    expected = models.BigIntegerField(null=True, help_text="Approved payments, by the busiest of the 7 days before.")
    chance = models.FloatField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["setting", "day"], name="audit_rate_once"),
            models.CheckConstraint(condition=Q(chance__gt=0, chance__lte=LARGEST_SHARE), name="audit_rate_chance"),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.chance:.4%}"


class AuditDraw(models.Model):
    """An approved payment that was drawn, with the chance it had. Append only."""

    decision = models.OneToOneField(Decision, primary_key=True, on_delete=models.PROTECT, related_name="audit_draw")
    rate = models.ForeignKey(AuditRate, on_delete=models.PROTECT, related_name="draws")
    # Of the rate, for counting the day's draws without a join.
    day = models.DateField(db_index=True)
    number = models.FloatField(help_text="The payment's, 0-1, by a keyed hash of its id: it was below the chance.")
    chance = models.FloatField(help_text="After thinning: what 1 is divided by for its weight.")
    drawn_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(number__gte=0, number__lt=F("chance"), chance__lte=LARGEST_SHARE), name="audit_draw_chance"
            )
        ]

    def __str__(self) -> str:
        return f"draw {self.decision_id}"
