"""Handling times and presence; who may read the handling times in the admin."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from cases.migrations._groups import allow

GROUPS = {"manager": ["cases.view_handling"], "auditor": ["cases.view_handling"]}


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0002_groups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="caseevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("opened", "Opened"),
                    ("joined", "Joined"),
                    ("viewed", "Viewed"),
                    ("claimed", "Claimed"),
                    ("released", "Released"),
                    ("skipped", "Skipped"),
                    ("verdict", "Verdict"),
                    ("note", "Note"),
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Handling",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claimed_at", models.DateTimeField()),
                ("first_viewed_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("verdict", "Verdict"),
                            ("skipped", "Skipped"),
                            ("released", "Released"),
                            ("expired", "Expired"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
                (
                    "analyst",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="handlings",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="handlings", to="cases.case"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["analyst", "ended_at"], name="cases_handl_analyst_c88736_idx"),
                    models.Index(fields=["ended_at"], name="cases_handl_ended_a_2a2f2e_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("case",), name="handling_one_running_a_case"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("ending", "")),
                            models.Q(
                                ("ended_at__isnull", False),
                                ("ending__in", ["verdict", "skipped", "released", "expired"]),
                            ),
                            _connector="OR",
                        ),
                        name="handling_ended_somehow",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Presence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seen_at", models.DateTimeField()),
                (
                    "case",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="presences",
                        to="cases.case",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("case", "user"), name="presence_one_a_person")],
            },
        ),
        allow(GROUPS),
    ]
