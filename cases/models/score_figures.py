"""Scores of the record, counted ahead for what asks about thresholds."""

from django.db import models


class ScoreFigures(models.Model):
    """Payments of one day (UTC, by `occurred_at`) of like amount and score, with the labels believed when counted.

    `score_class`: how many of `scoring.thresholds.THRESHOLDS` the score reaches; empty without a score.
    `amount_class`: how many of its AMOUNTS the amount reaches. `asked`: what rules and lists asked for whatever the
    score, by the policy each was decided with. `unknown`: declined and without a label: no chargeback can ever tell.
    """

    class Asked(models.IntegerChoices):
        """As `scoring.thresholds` has them."""

        NOTHING = 0
        REVIEW = 1
        DECLINE = 2
        APPROVE = 3

    day = models.DateField()
    currency = models.CharField(max_length=3)
    model_version = models.CharField(max_length=64, blank=True, default="")
    amount_class = models.PositiveSmallIntegerField()
    score_class = models.PositiveSmallIntegerField(null=True)
    asked = models.PositiveSmallIntegerField(choices=Asked.choices)
    payments = models.BigIntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=4)
    score = models.FloatField(help_text="Sum.")
    stake = models.DecimalField(max_digits=30, decimal_places=4, help_text="Sum of score x amount.")
    frauds = models.BigIntegerField()
    fraud_amount = models.DecimalField(max_digits=30, decimal_places=4)
    unknown = models.BigIntegerField()
    unknown_score = models.FloatField(help_text="Sum.")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["day", "currency", "model_version", "amount_class", "score_class", "asked"],
                nulls_distinct=False,
                name="score_figures_once",
            ),
            models.CheckConstraint(
                condition=models.Q(payments__gte=models.F("frauds") + models.F("unknown")), name="score_figures_add_up"
            ),
            models.CheckConstraint(condition=models.Q(asked__in=[0, 1, 2, 3]), name="score_figures_asked_known"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.currency}"


class ScoreDay(models.Model):
    """A day of the record, and whether its scores are counted as it stands: `counted` follows `changes`."""

    day = models.DateField(primary_key=True)
    changes = models.BigIntegerField(default=1)
    counted = models.BigIntegerField(default=0)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(counted__lte=models.F("changes")), name="score_day_counted_known")
        ]
        indexes = [
            models.Index(fields=["day"], condition=models.Q(counted__lt=models.F("changes")), name="score_day_to_count")
        ]

    def __str__(self) -> str:
        return f"{self.day}"
