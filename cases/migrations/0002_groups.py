"""Makes the four groups of the console and gives them their permissions."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_CASES = ["cases.view_case", "cases.view_caseevent", "cases.view_feed"]
_SCORING_VIEW = [
    "scoring.view_decision",
    "scoring.view_label",
    "scoring.view_policy",
    "scoring.view_rule",
    "scoring.view_listentry",
    "scoring.view_modelversion",
]
_SCORING_CHANGE = [
    "scoring.add_policy",
    "scoring.add_rule",
    "scoring.change_rule",
    "scoring.delete_rule",
    "scoring.add_listentry",
    "scoring.change_listentry",
    "scoring.delete_listentry",
    "scoring.view_apikey",
    "scoring.add_apikey",
    "scoring.change_apikey",
    "scoring.change_modelversion",
]
GROUPS = {
    "analyst": [*_CASES, "cases.review_case"],
    "lead": [*_CASES, "cases.review_case", "cases.release_case"],
    "manager": [*_CASES, *_SCORING_VIEW, *_SCORING_CHANGE],
    "auditor": [*_CASES, *_SCORING_VIEW, "scoring.view_apikey"],
}


def make_groups(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Idempotent. Permissions are normally made after all migrations; we need them now."""
    Group = apps.get_model("auth", "Group")  # noqa: N806 - a model class
    Permission = apps.get_model("auth", "Permission")  # noqa: N806 - a model class
    for label in ("cases", "scoring"):
        app_config = apps.get_app_config(label)
        # create_permissions passes over apps without a models module, which historical ones lack.
        app_config.models_module = True
        create_permissions(app_config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        app_config.models_module = None
    for name, permissions in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        for permission in permissions:
            label, codename = permission.split(".")
            group.permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0001_initial"),
        ("scoring", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
