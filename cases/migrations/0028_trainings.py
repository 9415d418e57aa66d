"""Lets managers have models trained; leads and auditors look at trainings and at what is known of models."""

from django.db import migrations

from cases.migrations._groups import allow

_VIEW = ["scoring.view_trainingrun", "scoring.view_modelversion"]
GROUPS = {"lead": _VIEW, "manager": [*_VIEW, "scoring.add_trainingrun"], "auditor": _VIEW}


class Migration(migrations.Migration):
    dependencies = [("cases", "0027_experiments"), ("scoring", "0018_model_registry")]
    operations = [allow(GROUPS, app="scoring")]
