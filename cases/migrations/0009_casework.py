"""Snoozing, tags and files of cases; who may snooze past due, remove files, and read their list in the admin."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from cases.migrations._groups import allow

GROUPS = {
    "lead": ["cases.snooze_past_due", "cases.remove_attachment"],
    "manager": ["cases.view_attachment"],
    "auditor": ["cases.view_attachment"],
}


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0008_verdicts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attachment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("pdf", "PDF"),
                            ("png", "PNG"),
                            ("jpeg", "JPEG"),
                            ("webp", "WebP"),
                            ("txt", "text"),
                            ("csv", "CSV"),
                            ("eml", "e-mail"),
                        ],
                        max_length=4,
                    ),
                ),
                ("size", models.PositiveIntegerField(help_text="In bytes.")),
                ("sha256", models.CharField(max_length=64)),
                ("uploaded_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "permissions": [("remove_attachment", "Can remove the files of others")],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="CaseTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("added_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=32, unique=True)),
                ("used_at", models.DateTimeField(help_text="When it was last put on a case: what is suggested first.")),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AlterModelOptions(
            name="case",
            options={
                "permissions": [
                    ("review_case", "Can claim cases and record verdicts"),
                    ("release_case", "Can release the claims of others"),
                    ("view_feed", "Can watch the live feed"),
                    ("snooze_past_due", "Can snooze cases past the time they are due"),
                ]
            },
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
                    ("moved", "Moved"),
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
        migrations.RemoveConstraint(
            model_name="handling",
            name="handling_ended_somehow",
        ),
        migrations.AddField(
            model_name="case",
            name="snoozed_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="handling",
            name="ending",
            field=models.CharField(
                blank=True,
                choices=[
                    ("verdict", "Verdict"),
                    ("skipped", "Skipped"),
                    ("released", "Released"),
                    ("expired", "Expired"),
                    ("escalated", "Escalated"),
                    ("snoozed", "Snoozed"),
                ],
                default="",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("snoozed_until__isnull", False)), fields=["snoozed_until"], name="case_snoozed"
            ),
        ),
        migrations.AddConstraint(
            model_name="handling",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("ending", "")),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("ending__in", ["verdict", "skipped", "released", "expired", "escalated", "snoozed"]),
                    ),
                    _connector="OR",
                ),
                name="handling_ended_somehow",
            ),
        ),
        migrations.CreateModel(
            name="AttachmentContent",
            fields=[
                (
                    "attachment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="content",
                        serialize=False,
                        to="cases.attachment",
                    ),
                ),
                ("data", models.BinaryField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="attachment",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="attachments", to="cases.case"
            ),
        ),
        migrations.AddField(
            model_name="attachment",
            name="removed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="attachment",
            name="uploaded_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="casetag",
            name="added_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="casetag",
            name="case",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="case_tags", to="cases.case"
            ),
        ),
        migrations.AddField(
            model_name="tag",
            name="cases",
            field=models.ManyToManyField(related_name="tags", through="cases.CaseTag", to="cases.case"),
        ),
        migrations.AddField(
            model_name="casetag",
            name="tag",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="case_tags", to="cases.tag"
            ),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)), fields=("case", "sha256"), name="attachment_once_a_case"
            ),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("removed_at", None), ("removed_by", None)),
                    models.Q(("removed_at__isnull", False), ("removed_by__isnull", False)),
                    _connector="OR",
                ),
                name="attachment_removed_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(condition=models.Q(("size__gt", 0)), name="attachment_not_empty"),
        ),
        migrations.AddIndex(
            model_name="tag",
            index=models.Index(fields=["-used_at"], name="tag_by_use"),
        ),
        migrations.AddConstraint(
            model_name="tag",
            constraint=models.CheckConstraint(
                condition=models.Q(("name__regex", "^[a-z0-9][a-z0-9_-]*$")), name="tag_is_one_plain_word"
            ),
        ),
        migrations.AddConstraint(
            model_name="casetag",
            constraint=models.UniqueConstraint(fields=("case", "tag"), name="case_tag_once"),
        ),
        allow(GROUPS),
    ]
