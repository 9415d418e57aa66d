"""Lets managers and auditors read the history of the lists in the admin."""

from django.db import migrations

from cases.migrations._groups import allow

GROUPS = {name: ["scoring.view_listchange"] for name in ("manager", "auditor")}


class Migration(migrations.Migration):
    dependencies = [("cases", "0004_exports"), ("scoring", "0004_list_changes")]
    operations = [allow(GROUPS, app="scoring")]
