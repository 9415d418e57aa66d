"""Second reviews, known cases, what reviewers see first; who may see and settle, and the first verdicts so far."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from cases.migrations._groups import allow
from cases.models.check import make_salt

_VIEW = ["cases.view_check", "cases.view_firstverdict", "cases.view_knowncase"]
_VIEW_SETTINGS = ["cases.view_reviewsettings", "cases.view_reviewer"]
_LEAD = ["cases.view_quality", "cases.settle_check", "cases.mark_known_case", "cases.change_reviewsettings"]
GROUPS = {
    "lead": _LEAD,
    "manager": [*_LEAD, *_VIEW, *_VIEW_SETTINGS],
    "auditor": ["cases.view_quality", *_VIEW, *_VIEW_SETTINGS],
}


def remember_first_verdicts(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A case had one verdict at most so far."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO cases_firstverdict"
            " (case_id, analyst_id, verdict, typology, decided_at, variant, truth, is_corrected)"
            " SELECT id, decided_by_id, verdict, typology, decided_at, '', '', false FROM cases_case"
            " WHERE status = 'decided' AND decided_by_id IS NOT NULL"
        )


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0011_board"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="handling",
            name="variant",
            field=models.CharField(
                blank=True,
                choices=[("score_first", "Score from the start"), ("data_first", "Score after the verdict")],
                db_default="",
                default="",
                max_length=11,
            ),
        ),
        migrations.CreateModel(
            name="Reviewer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "display",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("never", "Score from the start"),
                            ("always", "Score after the verdict"),
                            ("random", "At random, case by case"),
                        ],
                        default="",
                        max_length=6,
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviewer",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ReviewSettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "display",
                    models.CharField(
                        choices=[
                            ("never", "Score from the start"),
                            ("always", "Score after the verdict"),
                            ("random", "At random, case by case"),
                        ],
                        default="never",
                        max_length=6,
                    ),
                ),
                (
                    "data_first_share",
                    models.FloatField(default=0.5),
                ),
                (
                    "second_share",
                    models.FloatField(default=0.05),
                ),
                (
                    "second_rate",
                    models.FloatField(default=0.1),
                ),
                (
                    "known_rate",
                    models.FloatField(default=0.02),
                ),
                ("tells_known", models.BooleanField(default=True)),
                ("salt", models.CharField(default=make_salt, editable=False, max_length=32)),
            ],
            options={
                "verbose_name_plural": "review settings",
                "default_permissions": ("view", "change"),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="review_settings_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("data_first_share__gte", 0.0),
                            ("data_first_share__lte", 1.0),
                            ("known_rate__gte", 0.0),
                            ("known_rate__lte", 1.0),
                            ("second_rate__gte", 0.0),
                            ("second_rate__lte", 1.0),
                            ("second_share__gte", 0.0),
                            ("second_share__lte", 1.0),
                        ),
                        name="review_settings_shares",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Check",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(choices=[("second", "Second review"), ("known", "Known case")], max_length=6),
                ),
                (
                    "expected",
                    models.CharField(
                        choices=[("fraud", "Fraud"), ("legitimate", "Legitimate"), ("inconclusive", "Inconclusive")],
                        max_length=12,
                    ),
                ),
                (
                    "expected_typology",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("stolen_card", "Stolen card"),
                            ("card_testing", "Card testing"),
                            ("account_takeover", "Account takeover"),
                            ("friendly_fraud", "Friendly fraud"),
                            ("merchant_collusion", "Merchant collusion"),
                            ("other", "Other"),
                        ],
                        default="",
                        max_length=20,
                    ),
                ),
                ("as_of", models.DateTimeField()),
                (
                    "probability",
                    models.FloatField(help_text="With which the case was drawn; empty for a known case.", null=True),
                ),
                ("made_at", models.DateTimeField()),
                ("taken_at", models.DateTimeField(blank=True, null=True)),
                ("taken_until", models.DateTimeField(blank=True, null=True)),
                (
                    "variant",
                    models.CharField(
                        blank=True,
                        choices=[("score_first", "Score from the start"), ("data_first", "Score after the verdict")],
                        default="",
                        max_length=11,
                    ),
                ),
                ("note", models.TextField(blank=True, default="")),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[("fraud", "Fraud"), ("legitimate", "Legitimate"), ("inconclusive", "Inconclusive")],
                        default="",
                        max_length=12,
                    ),
                ),
                (
                    "typology",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("stolen_card", "Stolen card"),
                            ("card_testing", "Card testing"),
                            ("account_takeover", "Account takeover"),
                            ("friendly_fraud", "Friendly fraud"),
                            ("merchant_collusion", "Merchant collusion"),
                            ("other", "Other"),
                        ],
                        default="",
                        max_length=20,
                    ),
                ),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("agrees", models.BooleanField(null=True)),
                (
                    "settled_as",
                    models.CharField(
                        blank=True,
                        choices=[("fraud", "Fraud"), ("legitimate", "Legitimate"), ("inconclusive", "Inconclusive")],
                        default="",
                        max_length=12,
                    ),
                ),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("settled_why", models.CharField(blank=True, default="", max_length=500)),
                (
                    "analyst",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="checks", to="cases.case"
                    ),
                ),
                (
                    "first_analyst",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("view_quality", "Can see the quality of review"),
                    ("settle_check", "Can settle disagreements of reviewers"),
                ],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("decided_at", None)), fields=["kind", "made_at"], name="check_waiting"
                    ),
                    models.Index(fields=["decided_at"], name="cases_check_decided_5a3c8f_idx"),
                    models.Index(fields=["analyst", "decided_at"], name="cases_check_analyst_f5a1ce_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "second")), fields=("case",), name="check_one_second_a_case"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("decided_at", None), ("kind", "known")),
                        fields=("case",),
                        name="check_one_known_waiting_a_case",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("decided_at", None)), fields=("analyst",), name="check_one_a_person"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("analyst", models.F("first_analyst")), _negated=True),
                        name="check_by_somebody_else",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("analyst", None), ("taken_at", None), ("taken_until", None)),
                            models.Q(
                                ("analyst__isnull", False), ("taken_at__isnull", False), ("taken_until__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="check_taken_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("agrees", None), ("decided_at", None), ("verdict", "")),
                            models.Q(
                                ("agrees__isnull", False),
                                ("analyst__isnull", False),
                                ("decided_at__isnull", False),
                                ("agrees", True),
                                ("verdict", models.F("expected")),
                            ),
                            models.Q(
                                ("agrees", False),
                                ("agrees__isnull", False),
                                ("analyst__isnull", False),
                                ("decided_at__isnull", False),
                                models.Q(("verdict__in", ["", models.F("expected")]), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="check_decided_has_verdict",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settled_as", ""), ("settled_at", None), ("settled_by", None)),
                            models.Q(
                                ("agrees", False),
                                ("agrees__isnull", False),
                                ("settled_at__isnull", False),
                                ("settled_by__isnull", False),
                                models.Q(("settled_as", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="check_settled_by_somebody",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FirstVerdict",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="first_verdict",
                        serialize=False,
                        to="cases.case",
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        choices=[("fraud", "Fraud"), ("legitimate", "Legitimate"), ("inconclusive", "Inconclusive")],
                        max_length=12,
                    ),
                ),
                (
                    "typology",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("stolen_card", "Stolen card"),
                            ("card_testing", "Card testing"),
                            ("account_takeover", "Account takeover"),
                            ("friendly_fraud", "Friendly fraud"),
                            ("merchant_collusion", "Merchant collusion"),
                            ("other", "Other"),
                        ],
                        default="",
                        max_length=20,
                    ),
                ),
                ("decided_at", models.DateTimeField()),
                (
                    "variant",
                    models.CharField(
                        blank=True,
                        choices=[("score_first", "Score from the start"), ("data_first", "Score after the verdict")],
                        default="",
                        max_length=11,
                    ),
                ),
                ("seconds", models.FloatField(null=True)),
                (
                    "truth",
                    models.CharField(
                        blank=True,
                        choices=[("fraud", "Fraud"), ("legitimate", "Legitimate")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("is_corrected", models.BooleanField(default=False)),
                (
                    "analyst",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["decided_at"], name="cases_first_decided_c8be8b_idx"),
                    models.Index(fields=["analyst", "decided_at"], name="cases_first_analyst_2679a4_idx"),
                ],
            },
        ),
        migrations.CreateModel(
            name="KnownCase",
            fields=[
                (
                    "case",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="known",
                        serialize=False,
                        to="cases.case",
                    ),
                ),
                ("truth", models.CharField(choices=[("fraud", "Fraud"), ("legitimate", "Legitimate")], max_length=10)),
                ("reason", models.CharField(max_length=500)),
                ("marked_at", models.DateTimeField()),
                (
                    "marked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "permissions": [("mark_known_case", "Can mark cases as known, to try reviewers on")],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("truth__in", ["fraud", "legitimate"])), name="known_case_truth"
                    )
                ],
            },
        ),
        allow(GROUPS),
        migrations.RunPython(remember_first_verdicts, migrations.RunPython.noop),
    ]
