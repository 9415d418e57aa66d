"""Verdicts block devices and addresses; managers keep lists, and leads and auditors read them."""

from django.db import migrations, models
from django.db.models import Q

from cases.migrations._groups import allow

_VIEW = ["scoring.view_namedlist", "scoring.view_listimport"]
GROUPS = {
    "lead": [*_VIEW, "scoring.view_listentry", "scoring.view_listchange"],
    "manager": [*_VIEW, "scoring.add_namedlist", "scoring.change_namedlist", "scoring.delete_namedlist"],
    "auditor": _VIEW,
}


class Migration(migrations.Migration):
    dependencies = [("cases", "0021_policy"), ("scoring", "0014_lists")]
    operations = [
        allow(GROUPS, app="scoring"),
        migrations.AlterField(
            "verdicteffect",
            "kind",
            models.CharField(
                choices=[
                    ("label", "Labels"),
                    ("block_card", "Blocked card"),
                    ("block_dev", "Blocked device"),
                    ("block_ip", "Blocked address"),
                    ("unblock", "Lifted blocks"),
                    ("allow", "Allowed device"),
                    ("tell", "Message to the payment system"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            "verdicteffect",
            models.Index(
                fields=["entity"], condition=Q(kind__in=["block_dev", "block_ip"]), name="verdict_effect_blocked"
            ),
        ),
    ]
