"""Lets managers set up webhooks and have messages delivered again, and auditors look."""

from django.db import migrations

from cases.migrations._groups import allow

_VIEW = [
    "scoring.view_webhookendpoint",
    "scoring.view_webhooksecret",
    "scoring.view_webhookdelivery",
    "scoring.view_webhookattempt",
]
GROUPS = {
    "manager": [
        *_VIEW,
        "scoring.add_webhookendpoint",
        "scoring.change_webhookendpoint",
        "scoring.redeliver_webhookdelivery",
    ],
    "auditor": _VIEW,
}


class Migration(migrations.Migration):
    dependencies = [("cases", "0014_released_figures"), ("scoring", "0007_webhooks")]
    operations = [allow(GROUPS, app="scoring")]
