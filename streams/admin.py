"""Progress and dead letters, to look at."""

from django.contrib import admin

from scoring.admin.readonly import ReadOnlyAdmin
from streams.models import DeadLetter, StreamProgress


@admin.register(StreamProgress)
class StreamProgressAdmin(ReadOnlyAdmin):
    list_display = ("stream", "partition", "position", "epoch", "updated_at")


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("stream", "partition", "position", "errors", "created_at")
    list_filter = ("stream",)
    ordering = ("-id",)
    exclude = ("body",)
    readonly_fields = ("text",)

    @admin.display(description="record")
    def text(self, letter: DeadLetter) -> str:
        """The bytes as text, what is none replaced."""
        return bytes(letter.body).decode(errors="replace")
