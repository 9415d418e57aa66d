"""Lets managers draft, try, propose and publish policy versions; leads and auditors look at them."""

from django.db import migrations

from cases.migrations._groups import allow

_VIEW = [
    f"scoring.view_{model}" for model in ("policy", "rule", "thresholdband", "policylist", "policyevent", "backtest")
]
GROUPS = {
    "lead": _VIEW,
    "manager": [
        *_VIEW,
        "scoring.add_policy",
        "scoring.change_policy",
        "scoring.publish_policy",
        "scoring.add_backtest",
    ],
    "auditor": _VIEW,
}


class Migration(migrations.Migration):
    dependencies = [("cases", "0020_first_people"), ("scoring", "0014_lists")]
    operations = [allow(GROUPS, app="scoring")]
