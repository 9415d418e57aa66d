"""Verdicts as rows of their own, with what follows from them; who may approve them and block by them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from cases.migrations._groups import allow

_LIMITS = [f"cases.{action}_approvallimit" for action in ("add", "change", "delete", "view")]
_VIEW = ["cases.view_verdict", "cases.view_verdictpayment", "cases.view_verdicteffect"]
GROUPS = {
    "analyst": ["cases.block_by_verdict"],
    "lead": ["cases.block_by_verdict", "cases.approve_verdict"],
    "manager": [*_VIEW, *_LIMITS],
    "auditor": [*_VIEW, "cases.view_approvallimit"],
}


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0007_queues"),
        ("scoring", "0005_verdicts_topic"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ApprovalLimit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "verdict",
                    models.CharField(
                        choices=[("fraud", "Fraud"), ("legitimate", "Legitimate"), ("inconclusive", "Inconclusive")],
                        max_length=12,
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="ISO 4217; empty: every currency without a limit of its own.",
                        max_length=3,
                    ),
                ),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=2,
                        help_text="Of all its payments in the currency together; 0 for every verdict.",
                        max_digits=20,
                    ),
                ),
            ],
            options={
                "default_permissions": ("add", "change", "delete", "view"),
            },
        ),
        migrations.CreateModel(
            name="Verdict",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                (
                    "why_wrong",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("usual", "Usual for them"),
                            ("travel", "Travelling"),
                            ("one_off", "Gift or one-off"),
                            ("new_device", "Their new device"),
                            ("broad_rule", "Rule too broad"),
                            ("other", "Other"),
                        ],
                        default="",
                        max_length=12,
                    ),
                ),
                ("note", models.CharField(blank=True, default="", max_length=2000)),
                ("said_at", models.DateTimeField()),
                ("effects_at", models.DateTimeField(blank=True, null=True)),
                ("needs_approval", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("approval", "Waiting for approval"),
                            ("done", "Done"),
                            ("undone", "Undone"),
                            ("refused", "Refused"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("refusal", models.CharField(blank=True, default="", help_text="Why it was refused.", max_length=2000)),
            ],
            options={
                "permissions": [
                    ("approve_verdict", "Can approve or refuse the verdicts of others"),
                    ("block_by_verdict", "Can block a card or allow a device by a verdict"),
                ],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="VerdictEffect",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("label", "Labels"),
                            ("block_card", "Blocked card"),
                            ("unblock", "Lifted block"),
                            ("allow", "Allowed device"),
                            ("tell", "Message to the payment system"),
                        ],
                        max_length=10,
                    ),
                ),
                ("entity", models.CharField(blank=True, default="", max_length=64)),
                ("days", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("left_at", models.DateTimeField(blank=True, null=True)),
                ("words", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="VerdictPayment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "label",
                    models.CharField(
                        blank=True,
                        choices=[("fraud", "Fraud"), ("legitimate", "Legitimate")],
                        default="",
                        max_length=10,
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.RemoveConstraint(
            model_name="case",
            name="case_decided_has_verdict",
        ),
        migrations.AddField(
            model_name="case",
            name="merged_into",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="merged_cases",
                to="cases.case",
            ),
        ),
        migrations.AlterField(
            model_name="case",
            name="status",
            field=models.CharField(
                choices=[
                    ("open", "Open"),
                    ("approval", "Waiting for approval"),
                    ("decided", "Decided"),
                    ("merged", "Merged"),
                ],
                default="open",
                max_length=8,
            ),
        ),
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
                    ("escalated", "Escalated"),
                    ("warned", "Warned"),
                    ("snoozed", "Snoozed"),
                    ("woken", "Woken"),
                    ("reopened", "Reopened"),
                    ("undone", "Undone"),
                    ("approved", "Approved"),
                    ("refused", "Refused"),
                    ("effects", "Took effect"),
                    ("merged", "Merged"),
                    ("tagged", "Tagged"),
                    ("attached", "Attached"),
                    ("printed", "Printed"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(condition=models.Q(("status", "approval")), fields=["due_at"], name="case_to_approve"),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("status__in", ["open", "approval", "merged"]), ("verdict", "")),
                    models.Q(
                        ("decided_at__isnull", False), ("status", "decided"), models.Q(("verdict", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="case_decided_has_verdict",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("merged_into__isnull", False), ("status", "merged")),
                    models.Q(models.Q(("status", "merged"), _negated=True), ("merged_into", None)),
                    _connector="OR",
                ),
                name="case_merged_into_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="approvallimit",
            constraint=models.UniqueConstraint(fields=("verdict", "currency"), name="approval_limit_once"),
        ),
        migrations.AddConstraint(
            model_name="approvallimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0)), name="approval_limit_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="approvallimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency__regex", "^([A-Z]{3})?$")), name="approval_limit_currency"
            ),
        ),
        migrations.AddField(
            model_name="verdict",
            name="analyst",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="verdicts", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="verdict",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="verdicts", to="cases.case"
            ),
        ),
        migrations.AddField(
            model_name="verdict",
            name="settled_by",
            field=models.ForeignKey(
                blank=True,
                help_text="Who undid, approved or refused it; nobody where its time ran out.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="verdicteffect",
            name="verdict",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="effects", to="cases.verdict"
            ),
        ),
        migrations.AddField(
            model_name="verdictpayment",
            name="decision",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="verdict_payments", to="scoring.decision"
            ),
        ),
        migrations.AddField(
            model_name="verdictpayment",
            name="verdict",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="payments", to="cases.verdict"
            ),
        ),
        migrations.AddIndex(
            model_name="verdict",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["effects_at"], name="verdict_to_settle"
            ),
        ),
        migrations.AddIndex(
            model_name="verdict",
            index=models.Index(fields=["said_at"], name="cases_verdi_said_at_d5122d_idx"),
        ),
        migrations.AddConstraint(
            model_name="verdict",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["waiting", "approval"])),
                fields=("case",),
                name="verdict_one_unsettled_a_case",
            ),
        ),
        migrations.AddConstraint(
            model_name="verdict",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("effects_at__isnull", False), ("settled_at", None), ("state", "waiting")),
                    models.Q(
                        ("effects_at", None), ("needs_approval", True), ("settled_at", None), ("state", "approval")
                    ),
                    models.Q(("settled_at__isnull", False), ("state__in", ["done", "undone", "refused"])),
                    _connector="OR",
                ),
                name="verdict_state_and_times",
            ),
        ),
        migrations.AddConstraint(
            model_name="verdict",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("settled_by", None),
                    ("state", "undone"),
                    models.Q(("settled_by", models.F("analyst")), _negated=True),
                    _connector="OR",
                ),
                name="verdict_not_approved_by_its_maker",
            ),
        ),
        migrations.AddConstraint(
            model_name="verdict",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("needs_approval", False), ("state", "approval"), ("settled_by__isnull", False), _connector="OR"
                ),
                name="verdict_approved_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="verdicteffect",
            constraint=models.UniqueConstraint(fields=("verdict", "kind"), name="verdict_effect_once"),
        ),
        migrations.AddConstraint(
            model_name="verdictpayment",
            constraint=models.UniqueConstraint(fields=("verdict", "decision"), name="verdict_payment_once"),
        ),
        migrations.AddConstraint(
            model_name="verdictpayment",
            constraint=models.CheckConstraint(
                condition=models.Q(("label__in", ["", "fraud", "legitimate"])), name="verdict_payment_label_known"
            ),
        ),
        allow(GROUPS),
    ]
