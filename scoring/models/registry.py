"""Trained models, how they came about, and what became of them."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class ModelVersion(models.Model):
    """A trained model: its artefacts, signature, and what is known about it.

    What it is stays as it is, by a trigger; its stage and who moved it there change, and its signature with the key.

    candidate -> shadow -> challenger -> champion -> retired; any of the first three can be skipped, left for
    candidate, or retired. A retired champion can be champion again.
    """

    class Stage(models.TextChoices):
        CANDIDATE = "candidate"
        SHADOW = "shadow"
        CHALLENGER = "challenger"
        CHAMPION = "champion"
        RETIRED = "retired"

    version = models.CharField(max_length=64, unique=True)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.CANDIDATE)
    share = models.FloatField(
        null=True, blank=True, help_text="Of a challenger: the share of cards it decides for, above 0 and up to 0.5."
    )
    artefact = models.BinaryField(help_text="XGBoost model in UBJSON.")
    anomaly_artefact = models.BinaryField(
        default=b"", db_default=b"", help_text="Autoencoder beside it, trained without labels; empty without one."
    )
    signature = models.CharField(
        max_length=64, help_text="HMAC-SHA-256 of both artefacts, calibration, feature_version and libraries."
    )
    feature_version = models.CharField(max_length=16)
    libraries = models.JSONField(default=dict, db_default={}, help_text="Name -> version it was trained with.")
    calibration_slope = models.FloatField(default=1.0)
    calibration_intercept = models.FloatField(default=0.0)
    parameters = models.JSONField(default=dict, db_default={}, help_text="Settings of the trees, seed among them.")
    dataset = models.JSONField(
        default=dict, db_default={}, help_text="Manifest of what it learnt from: query, times, hashes, row counts."
    )
    metrics = models.JSONField(default=dict)
    card = models.JSONField(default=dict, db_default={}, help_text="What the model card draws and says.")
    reference = models.JSONField(
        default=dict, db_default={}, help_text="Distributions of features and score while training; drift is from them."
    )
    labels_as_of = models.DateTimeField()
    trained_from = models.DateTimeField()
    trained_to = models.DateTimeField()
    # Who had it trained; empty for the command line and for retraining by itself.
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField(null=True, blank=True)
    # Of the last time it became champion, other than by being brought back; nobody on the command line.
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    promoted_at = models.DateTimeField(null=True, blank=True)
    stage_since = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        permissions = [("promote_modelversion", "Can promote a model that somebody else proposed, and roll back")]
        constraints = [
            models.UniqueConstraint(fields=["stage"], condition=models.Q(stage="champion"), name="model_one_champion"),
            # With two of them each would be compared with a mixture of the other two.
            models.UniqueConstraint(
                fields=["stage"], condition=models.Q(stage="challenger"), name="model_one_challenger"
            ),
            models.CheckConstraint(
                condition=models.Q(stage="challenger", share__gt=0, share__lte=0.5)
                | (~models.Q(stage="challenger") & models.Q(share=None)),
                name="model_share_of_challenger",
            ),
            models.CheckConstraint(
                condition=models.Q(promoted_by=None)
                | (
                    models.Q(proposed_at__isnull=False)
                    & (models.Q(proposed_by=None) | ~models.Q(promoted_by=models.F("proposed_by")))
                    & (models.Q(requested_by=None) | ~models.Q(promoted_by=models.F("requested_by")))
                ),
                name="model_promoted_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} ({self.stage})"


class ModelEvent(models.Model):
    """Who did what with a model, and when. Append only."""

    class Action(models.TextChoices):
        TRAINED = "trained"
        SHADOWED = "shadowed", "put in shadow"
        CHALLENGED = "challenged", "given a share of the cards"
        PROPOSED = "proposed"
        RETURNED = "returned", "sent back"
        PROMOTED = "promoted"
        ROLLED_BACK = "rolled_back", "brought back"
        REPLACED = "replaced"
        RETIRED = "retired"
        REFUSED = "refused"

    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="events")
    action = models.CharField(max_length=11, choices=Action.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=500, blank=True, default="")
    happened_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        indexes = [models.Index(fields=["model", "happened_at"], name="model_event_of")]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.model_id}"


class TrainingRun(models.Model):
    """A training that somebody, or the schedule, asked for: how far it is, and what came of it."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"
        FAILED = "failed"

    class Reason(models.TextChoices):
        ASKED = "asked", "asked for"
        SCHEDULE = "schedule"
        DRIFT = "drift"

    reason = models.CharField(max_length=8, choices=Reason.choices, default=Reason.ASKED)
    trained_from = models.DateTimeField()
    trained_to = models.DateTimeField(help_text="Not included.")
    labels_as_of = models.DateTimeField()
    maturity_days = models.PositiveIntegerField(
        help_text="An unlabelled payment counts as legitimate once it is so old at `labels_as_of`."
    )
    trials = models.PositiveIntegerField(
        default=0, help_text="Settings to try at most; 0 takes the product's own, which were measured."
    )
    trial_seconds = models.PositiveIntegerField(default=600, help_text="Time for trying settings, at most.")
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.WAITING)
    is_cancel_requested = models.BooleanField(default=False)
    step = models.CharField(max_length=200, blank=True, default="", help_text="What it is doing, in words.")
    done = models.FloatField(default=0.0, help_text="Share of the work that is done, 0-1.")
    # Who is at it says so every few seconds; a run that fell silent is given to somebody else.
    beat_at = models.DateTimeField(null=True, blank=True)
    # How often it was begun. Whoever is at it holds the number it had then, and writes nothing under another.
    attempts = models.PositiveSmallIntegerField(default=0)
    model = models.ForeignKey(ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="runs")
    error = models.CharField(max_length=500, blank=True, default="")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("add", "view")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(trained_from__lt=models.F("trained_to")), name="training_times_in_order"
            ),
            models.CheckConstraint(
                condition=~models.Q(status="done") | models.Q(model__isnull=False), name="training_done_has_model"
            ),
        ]

    def __str__(self) -> str:
        return f"training {self.pk}"
