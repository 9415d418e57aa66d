"""Filters of the queue that have a name."""

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """A filter of the queue under a name: its owner's, or shared with the whole desk."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="saved_views"
    )
    name = models.CharField(max_length=40)
    filters = models.JSONField(help_text="Texts by the names of the filter's fields, as its form has checked them.")
    is_shared = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        permissions = [("share_view", "Can share views of the queue with the desk")]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_view_name_once"),
            models.CheckConstraint(condition=~models.Q(name=""), name="saved_view_named"),
        ]
        indexes = [models.Index(fields=["name"], condition=models.Q(is_shared=True), name="saved_view_shared")]

    def __str__(self) -> str:
        return self.name


class DefaultView(models.Model):
    """The view a person's queue opens with."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="default_view"
    )
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="defaults")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user_id} opens with {self.view_id}"
