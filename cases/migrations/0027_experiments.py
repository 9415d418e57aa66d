"""Lets managers start and end experiments; leads and auditors read them."""

from django.db import migrations

from cases.migrations._groups import allow

_VIEW = ["scoring.view_experiment", "scoring.view_experimentlook"]
GROUPS = {
    "lead": _VIEW,
    "manager": [*_VIEW, "scoring.add_experiment", "scoring.change_experiment"],
    "auditor": _VIEW,
}


class Migration(migrations.Migration):
    dependencies = [("cases", "0026_model_stages"), ("scoring", "0021_experiments")]
    operations = [allow(GROUPS, app="scoring")]
