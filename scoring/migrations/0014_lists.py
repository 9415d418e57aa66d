"""Lists of any name, what stands on them, files that change them, and the lengths that payments are looked for under."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.db.models.lookups import StartsWith

# The deferred checks of foreign keys must not wait for the end: the tables are altered below.
GIVEN_LISTS = """
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO scoring_namedlist (name, title, purpose) VALUES
  ('block', 'Block list', 'Payments that are declined whatever score and rules say.'),
  ('allow', 'Allow list', 'Payments that are let through whatever score and rules say; a block still counts.')
"""
ENTITIES = [
    ("card", "Card"),
    ("customer", "Customer"),
    ("merchant", "Merchant"),
    ("device", "Device"),
    ("ip", "IP address or network"),
    ("country", "Country"),
    ("card_prefix", "card prefix"),
]


def person(**others: object) -> models.ForeignKey:
    return models.ForeignKey(
        null=True, blank=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL, **others
    )


def named_list(**others: object) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, to="scoring.namedlist", to_field="name", **others
    )


def key() -> models.BigAutoField:
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def entity() -> models.CharField:
    return models.CharField(choices=ENTITIES, max_length=12)


def renamed(model: str) -> list[migrations.operations.base.Operation]:
    """Call the column `kind` what it now says, and leave it as it is: processes of before read it."""
    return [
        migrations.RenameField(model, "kind", "list"),
        migrations.AlterField(model, "list", models.CharField(max_length=5, db_column="kind")),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0013_policy_versions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="NamedList",
            fields=[
                ("id", key()),
                (
                    "name",
                    models.CharField(
                        max_length=80,
                        unique=True,
                        help_text="How rules call it: small letters, digits, - and _, at most 40. Cannot be changed.",
                    ),
                ),
                ("title", models.CharField(max_length=100)),
                (
                    "purpose",
                    models.CharField(max_length=500, blank=True, help_text="What it is for, and who keeps it."),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("created_by", person(related_name="+")),
            ],
            options={
                "verbose_name": "list",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(name__regex=r"^([a-z0-9][a-z0-9_-]{0,39}|snooze:[-a-zA-Z0-9_]+)$"),
                        name="list_name_plain",
                    )
                ],
            },
        ),
        migrations.RunSQL(GIVEN_LISTS, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="ListShape",
            fields=[
                ("id", key()),
                ("entity", entity()),
                ("family", models.PositiveSmallIntegerField(default=0)),
                ("length", models.PositiveSmallIntegerField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=["entity", "family", "length"], name="list_shape_once")],
            },
        ),
        migrations.CreateModel(
            name="ListImport",
            fields=[
                ("id", key()),
                ("list", named_list(related_name="+")),
                ("file_name", models.CharField(max_length=90)),
                (
                    "mode",
                    models.CharField(
                        max_length=7,
                        choices=[
                            ("add", "put on what the file names"),
                            ("replace", "make the list what the file says"),
                            ("remove", "take off what the file names"),
                        ],
                    ),
                ),
                ("put_on", models.PositiveIntegerField(default=0)),
                ("taken_off", models.PositiveIntegerField(default=0)),
                (
                    "skipped",
                    models.PositiveIntegerField(default=0, help_text="Lines that were wrong and passed over."),
                ),
                ("author", person(related_name="+")),
                ("happened_at", models.DateTimeField(help_text="When it came to act, all at once.")),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("listentry", "list_entry_once"),
                *renamed("listentry"),
                *renamed("listchange"),
                migrations.AddConstraint(
                    "listentry",
                    models.UniqueConstraint(fields=["entity", "value", "list"], name="list_entry_once"),
                ),
            ],
        ),
        migrations.AlterField(
            "listentry", "list", named_list(db_column="kind", db_index=False, related_name="entries")
        ),
        migrations.AlterField(
            "listchange", "list", named_list(db_column="kind", db_index=False, related_name="changes")
        ),
        migrations.AlterField("listentry", "entity", entity()),
        migrations.AlterField("listchange", "entity", entity()),
        migrations.AddField(
            "listentry",
            "source",
            models.CharField(
                max_length=100, db_default="manual", default="manual", help_text="manual, verdict, csv:<file> ..."
            ),
        ),
        migrations.AddField("listchange", "source", models.CharField(max_length=100, db_default="", default="")),
        migrations.AddField(
            "listchange",
            "part_of",
            models.ForeignKey(
                null=True,
                blank=True,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="changes",
                to="scoring.listimport",
            ),
        ),
        migrations.AlterField(
            "listchange",
            "action",
            models.CharField(
                choices=[("added", "put on"), ("removed", "taken off"), ("expired", "cleared away, expired,")],
                max_length=7,
            ),
        ),
        migrations.AddConstraint(
            "listentry",
            models.CheckConstraint(
                condition=models.Q(entity__in=[value for value, _ in ENTITIES]), name="list_entry_entity_known"
            ),
        ),
        migrations.AddConstraint(
            "listentry",
            models.CheckConstraint(
                condition=~models.Q(entity="country") | models.Q(value__regex="^[A-Z]{2}$"),
                name="list_entry_country_alpha2",
            ),
        ),
        migrations.AddConstraint(
            "listentry",
            models.CheckConstraint(
                condition=~models.Q(entity="card_prefix") | models.Q(value__regex="^.{4,}$"),
                name="list_entry_prefix_long",
            ),
        ),
        migrations.AddConstraint(
            "listentry",
            models.CheckConstraint(
                condition=~models.Q(StartsWith(models.F("list"), "snooze:")) | models.Q(expires_at__isnull=False),
                name="list_entry_snooze_ends",
            ),
        ),
        migrations.AddIndex("listentry", models.Index(fields=["list", "-id"], name="list_entry_newest")),
        migrations.AddIndex(
            "listentry",
            models.Index(
                fields=["expires_at"], name="list_entry_expiring", condition=models.Q(expires_at__isnull=False)
            ),
        ),
        migrations.AddIndex("listchange", models.Index(fields=["list", "-id"], name="list_change_newest")),
    ]
