"""Policies are drafted, tried and published by a second person; rules give points; what lists do is of a version."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# What was published last is live. Lists did what they are called.
_BEGIN = """
UPDATE scoring_policy SET status = CASE WHEN version = (SELECT max(version) FROM scoring_policy)
  THEN 'live' ELSE 'retired' END;
UPDATE scoring_policy AS policy SET based_on_id = (
  SELECT id FROM scoring_policy AS one WHERE one.version < policy.version ORDER BY one.version DESC LIMIT 1);
INSERT INTO scoring_policylist (policy_id, list, effect)
SELECT policy.id, list, effect FROM scoring_policy AS policy,
  (VALUES ('block', 'decline'), ('allow', 'approve')) AS known (list, effect);
INSERT INTO scoring_policyevent (policy_id, action, by_id, note, happened_at)
SELECT id, 'published', published_by_id, note, published_at FROM scoring_policy;
"""
# Decisions name the version they were made with: what it says may not change any more.
_FREEZE = """
CREATE FUNCTION scoring_policy_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.version, OLD.review_threshold, OLD.decline_threshold, OLD.review_points, OLD.decline_points)
    IS DISTINCT FROM (NEW.version, NEW.review_threshold, NEW.decline_threshold, NEW.review_points, NEW.decline_points)
    OR NEW.status = 'draft'
  THEN RAISE EXCEPTION 'policy % is no draft any more: what it says stays', OLD.version USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER policy_is_frozen BEFORE UPDATE ON scoring_policy FOR EACH ROW
  WHEN (OLD.status <> 'draft') EXECUTE FUNCTION scoring_policy_is_frozen();

CREATE FUNCTION scoring_policy_part_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM scoring_policy WHERE status <> 'draft' AND id IN (
    CASE WHEN TG_OP <> 'INSERT' THEN OLD.policy_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.policy_id END))
  THEN RAISE EXCEPTION 'this policy is no draft any more: what it says stays' USING ERRCODE = '23514';
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER rule_is_frozen BEFORE INSERT OR UPDATE OR DELETE ON scoring_rule FOR EACH ROW
  EXECUTE FUNCTION scoring_policy_part_is_frozen();
CREATE TRIGGER band_is_frozen BEFORE INSERT OR UPDATE OR DELETE ON scoring_thresholdband FOR EACH ROW
  EXECUTE FUNCTION scoring_policy_part_is_frozen();
CREATE TRIGGER policy_list_is_frozen BEFORE INSERT OR UPDATE OR DELETE ON scoring_policylist FOR EACH ROW
  EXECUTE FUNCTION scoring_policy_part_is_frozen();
"""
_THAW = """
DROP TRIGGER policy_list_is_frozen ON scoring_policylist;
DROP TRIGGER band_is_frozen ON scoring_thresholdband;
DROP TRIGGER rule_is_frozen ON scoring_rule;
DROP FUNCTION scoring_policy_part_is_frozen();
DROP TRIGGER policy_is_frozen ON scoring_policy;
DROP FUNCTION scoring_policy_is_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0012_pending_features_seen"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Backtest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.PositiveIntegerField(default=0)),
                (
                    "model_version",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Scores with this model; the recorded scores when empty.",
                        max_length=64,
                    ),
                ),
                ("since", models.DateTimeField(help_text="Payments that occurred from then on ...")),
                ("until", models.DateTimeField(help_text="... to before then.")),
                ("labels_as_of", models.DateTimeField()),
                (
                    "maturity_days",
                    models.PositiveIntegerField(
                        help_text="An unlabelled payment counts as legitimate once it is so old at `labels_as_of`."
                    ),
                ),
                ("capacity", models.PositiveIntegerField(help_text="Alerts the team can review a day.")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("is_cancel_requested", models.BooleanField(db_default=False, default=False)),
                ("rows", models.PositiveBigIntegerField(default=0, help_text="Payments to look at.")),
                ("rows_done", models.PositiveBigIntegerField(default=0)),
                ("beat_at", models.DateTimeField(blank=True, null=True)),
                ("result", models.JSONField(blank=True, null=True)),
                ("error", models.CharField(blank=True, default="", max_length=500)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "default_permissions": ("add", "view"),
            },
        ),
        migrations.CreateModel(
            name="PolicyEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("created", "drafted"),
                            ("edited", "Edited"),
                            ("shadowed", "put in shadow"),
                            ("proposed", "Proposed"),
                            ("returned", "sent back"),
                            ("published", "Published"),
                            ("rolled_back", "brought back"),
                            ("retired", "replaced"),
                            ("discarded", "Discarded"),
                        ],
                        max_length=11,
                    ),
                ),
                ("note", models.CharField(blank=True, default="", max_length=500)),
                ("happened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="PolicyList",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("list", models.CharField(max_length=80)),
                (
                    "effect",
                    models.CharField(
                        choices=[("decline", "Decline"), ("approve", "Approve"), ("review", "Review")], max_length=7
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ShadowChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "outcome",
                    models.CharField(
                        choices=[("approve", "Approve"), ("review", "Review"), ("decline", "Decline")], max_length=8
                    ),
                ),
                (
                    "rule_hits",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), default=list, size=None
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ShadowFigures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("approve", "Approve"), ("review", "Review"), ("decline", "Decline")],
                        help_text="What was decided.",
                        max_length=8,
                    ),
                ),
                (
                    "shadow_outcome",
                    models.CharField(
                        choices=[("approve", "Approve"), ("review", "Review"), ("decline", "Decline")], max_length=8
                    ),
                ),
                ("payments", models.BigIntegerField()),
                ("amount", models.DecimalField(decimal_places=4, max_digits=30)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ShadowRuleFigures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("code", models.CharField(max_length=64)),
                ("hits", models.BigIntegerField()),
                ("failures", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ThresholdBand",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3)),
                ("from_amount", models.DecimalField(decimal_places=4, max_digits=20)),
                ("review_threshold", models.FloatField()),
                ("decline_threshold", models.FloatField()),
            ],
        ),
        migrations.AlterModelOptions(
            name="policy",
            options={
                "permissions": [("publish_policy", "Can publish a policy that somebody else proposed, and roll back")],
                "verbose_name_plural": "policies",
            },
        ),
        migrations.RemoveConstraint(
            model_name="rule",
            name="rule_outcome_known",
        ),
        migrations.AddField(
            model_name="decision",
            name="rule_failures",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64),
                db_default=[],
                default=list,
                help_text="Rules that could not be computed.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="based_on",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="successors",
                to="scoring.policy",
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="created_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name="policy",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="decline_points",
            field=models.PositiveIntegerField(
                db_default=200, default=200, help_text="Sum of the points of rules from which a payment is declined."
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="proposed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="policy",
            name="proposed_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="retired_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="policy",
            name="review_points",
            field=models.PositiveIntegerField(
                db_default=100, default=100, help_text="Sum of the points of rules from which a payment goes to review."
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="revision",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="policy",
            name="shadow_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="policy",
            name="status",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("shadow", "Shadow"),
                    ("proposed", "Proposed"),
                    ("live", "Live"),
                    ("retired", "Retired"),
                    ("discarded", "Discarded"),
                ],
                db_default="retired",
                default="draft",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="expires_at",
            field=models.DateTimeField(blank=True, help_text="From then on the rule is not asked any more.", null=True),
        ),
        migrations.AddField(
            model_name="rule",
            name="name",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.AddField(
            model_name="rule",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="points",
            field=models.IntegerField(
                db_default=0,
                default=0,
                help_text="Added to those of the other rules that a payment meets; below 0 it speaks for it.",
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="reason_code",
            field=models.SlugField(
                blank=True,
                db_default="",
                default="",
                help_text="Of the reason given; the rule's own when empty.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="tags",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.SlugField(max_length=32), blank=True, db_default=[], default=list, size=None
            ),
        ),
        migrations.AlterField(
            model_name="outbox",
            name="topic",
            field=models.CharField(
                choices=[
                    ("decisions", "Decisions"),
                    ("alerts", "Alerts"),
                    ("labels", "Labels"),
                    ("verdicts", "Verdicts"),
                    ("dead-letters", "Dead Letters"),
                    ("shadow", "Shadow"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="policy",
            name="published_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="rule",
            name="code",
            field=models.SlugField(help_text="Stays the same over all versions; decisions name it.", max_length=64),
        ),
        migrations.AlterField(
            model_name="rule",
            name="outcome",
            field=models.CharField(blank=True, choices=[("review", "review"), ("decline", "decline")], max_length=8),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.CheckConstraint(
                condition=models.Q(("review_points__gt", 0), ("review_points__lte", models.F("decline_points"))),
                name="policy_points_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "live")), fields=("status",), name="policy_one_live"
            ),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("published_by", None),
                    ("proposed_by", None),
                    models.Q(("published_by", models.F("proposed_by")), _negated=True),
                    _connector="OR",
                ),
                name="policy_published_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "live"), _negated=True), ("published_at__isnull", False), _connector="OR"
                ),
                name="policy_live_since",
            ),
        ),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["", "review", "decline"])), name="rule_outcome_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.CheckConstraint(
                condition=models.Q(("points__gte", -10000), ("points__lte", 10000)), name="rule_points_small"
            ),
        ),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome", ""), _negated=True), models.Q(("points", 0), _negated=True), _connector="OR"
                ),
                name="rule_does_something",
            ),
        ),
        migrations.AddField(
            model_name="backtest",
            name="baseline",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="scoring.policy"),
        ),
        migrations.AddField(
            model_name="backtest",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="backtests", to="scoring.policy"
            ),
        ),
        migrations.AddField(
            model_name="backtest",
            name="requested_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="policyevent",
            name="by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="policyevent",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="events", to="scoring.policy"
            ),
        ),
        migrations.AddField(
            model_name="policylist",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="lists", to="scoring.policy"
            ),
        ),
        migrations.AddField(
            model_name="shadowchange",
            name="decision",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="scoring.decision"
            ),
        ),
        migrations.AddField(
            model_name="shadowchange",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="shadow_changes", to="scoring.policy"
            ),
        ),
        migrations.AddField(
            model_name="shadowfigures",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="shadow_figures", to="scoring.policy"
            ),
        ),
        migrations.AddField(
            model_name="shadowrulefigures",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="shadow_rule_figures", to="scoring.policy"
            ),
        ),
        migrations.AddField(
            model_name="thresholdband",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="bands", to="scoring.policy"
            ),
        ),
        migrations.AddIndex(
            model_name="backtest",
            index=models.Index(fields=["policy", "-created_at"], name="backtest_of"),
        ),
        migrations.AddConstraint(
            model_name="backtest",
            constraint=models.CheckConstraint(
                condition=models.Q(("since__lt", models.F("until"))), name="backtest_times_in_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="backtest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "done"), _negated=True), ("result__isnull", False), _connector="OR"
                ),
                name="backtest_done_has_result",
            ),
        ),
        migrations.AddIndex(
            model_name="policyevent",
            index=models.Index(fields=["policy", "happened_at"], name="policy_event_of"),
        ),
        migrations.AddConstraint(
            model_name="policylist",
            constraint=models.UniqueConstraint(fields=("policy", "list"), name="policy_list_once"),
        ),
        migrations.AddConstraint(
            model_name="policylist",
            constraint=models.CheckConstraint(
                condition=models.Q(("effect__in", ["decline", "approve", "review"])), name="policy_list_effect_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="shadowchange",
            constraint=models.UniqueConstraint(fields=("policy", "decision"), name="shadow_change_once"),
        ),
        migrations.AddConstraint(
            model_name="shadowfigures",
            constraint=models.UniqueConstraint(
                fields=("policy", "day", "currency", "outcome", "shadow_outcome"), name="shadow_figures_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="shadowrulefigures",
            constraint=models.UniqueConstraint(fields=("policy", "day", "code"), name="shadow_rule_figures_once"),
        ),
        migrations.AddConstraint(
            model_name="thresholdband",
            constraint=models.UniqueConstraint(
                fields=("policy", "currency", "from_amount"), name="threshold_band_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="thresholdband",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("review_threshold__gt", 0),
                    ("review_threshold__lte", models.F("decline_threshold")),
                    ("decline_threshold__lte", 1),
                ),
                name="band_thresholds_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="thresholdband",
            constraint=models.CheckConstraint(
                condition=models.Q(("from_amount__gte", 0)), name="band_amount_not_negative"
            ),
        ),
        migrations.RunSQL(_BEGIN, migrations.RunSQL.noop),
        migrations.RunSQL(_FREEZE, _THAW),
    ]
