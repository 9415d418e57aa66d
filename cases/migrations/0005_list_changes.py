"""Lets managers and auditors read the history of the lists in the admin."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUPS = {name: ["scoring.view_listchange"] for name in ("manager", "auditor")}


def allow_views(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Idempotent. Permissions are normally made after all migrations; they are needed now."""
    Group = apps.get_model("auth", "Group")  # noqa: N806 - a model class
    Permission = apps.get_model("auth", "Permission")  # noqa: N806 - a model class
    app_config = apps.get_app_config("scoring")
    # create_permissions passes over apps without a models module, which historical ones lack.
    app_config.models_module = True
    create_permissions(app_config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    app_config.models_module = None
    permission = Permission.objects.get(content_type__app_label="scoring", codename="view_listchange")
    for group in Group.objects.filter(name__in=GROUPS):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("cases", "0004_exports"), ("scoring", "0004_list_changes")]
    operations = [migrations.RunPython(allow_views, migrations.RunPython.noop)]
