"""Lets managers measure drift, look after its alarms and set retraining; leads and auditors look."""

from django.db import migrations

from cases.migrations._groups import allow

_VIEW = [
    f"scoring.view_{model}"
    for model in (
        "driftsettings", "driftreport", "driftalarm", "retrainingsettings", "retraining", "modelcomparison",
    )
]  # fmt: skip
GROUPS = {
    "lead": _VIEW,
    "manager": [
        *_VIEW,
        "scoring.add_driftreport",
        "scoring.add_modelcomparison",
        "scoring.change_driftalarm",
        "scoring.change_driftsettings",
        "scoring.change_retrainingsettings",
    ],
    "auditor": _VIEW,
}


class Migration(migrations.Migration):
    dependencies = [("cases", "0028_trainings"), ("scoring", "0022_drift")]
    operations = [allow(GROUPS, app="scoring")]
