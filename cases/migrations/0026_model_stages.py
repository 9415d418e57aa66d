"""Lets managers move, promote and bring back models; leads look at them as auditors do."""

from django.db import migrations

from cases.migrations._groups import allow

_VIEW = ["scoring.view_modelversion", "scoring.view_modelevent"]
GROUPS = {"lead": _VIEW, "manager": [*_VIEW, "scoring.promote_modelversion"], "auditor": _VIEW}


class Migration(migrations.Migration):
    dependencies = [("cases", "0025_audit"), ("scoring", "0020_model_stages")]
    operations = [allow(GROUPS, app="scoring")]
