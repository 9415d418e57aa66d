"""Permissions for groups, as several migrations give them. Not a migration itself."""

from collections.abc import Mapping, Sequence

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def allow(groups: Mapping[str, Sequence[str]], *, app: str = "cases") -> migrations.RunPython:
    """Give groups permissions of an app's models. Idempotent; a group that is gone is passed over.

    groups: name to permissions as `app.codename`.
    """

    def give(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
        permissions = apps.get_model("auth", "Permission").objects
        # Permissions are normally made after all migrations; they are needed now.
        app_config = apps.get_app_config(app)
        # create_permissions passes over apps without a models module, which historical ones lack.
        app_config.models_module = True
        create_permissions(app_config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
        app_config.models_module = None
        for group in apps.get_model("auth", "Group").objects.filter(name__in=groups):
            for permission in groups[group.name]:
                label, codename = permission.split(".")
                group.permissions.add(permissions.get(content_type__app_label=label, codename=codename))

    return migrations.RunPython(give, migrations.RunPython.noop)
