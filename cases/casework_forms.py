"""What analysts send to snooze a case, tag it, and keep files with it."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict

from cases import files, snooze, tags

_AT = "%Y-%m-%dT%H:%M"


class SnoozeForm(forms.Form):
    """One of the times that are offered, or a date and time in UTC; and why."""

    AT = "at"

    until = forms.ChoiceField(label="Until", error_messages={"required": "Choose a time."})
    at = forms.DateTimeField(
        label="Date and time",
        required=False,
        input_formats=[_AT, f"{_AT}:%S", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": "Write it like 2026-11-30 09:00."},
    )
    reason = forms.CharField(
        label="Reason", max_length=500, error_messages={"required": "Say why, for those who read it later."}
    )

    seen_alerts = forms.IntegerField(min_value=1, required=False)

    def __init__(self, data: MultiValueDict[str, str] | None = None, *, choices: list[snooze.Choice]) -> None:
        super().__init__(data)
        self.times = {choice.name: choice.until for choice in choices}
        self.fields["until"].choices = [(name, name) for name in (*self.times, self.AT)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean() or {}
        if cleaned.get("until") == self.AT and not cleaned.get("at") and "at" not in self.errors:
            self.add_error("at", "Write a date and a time.")
        return cleaned

    def until_time(self) -> datetime:
        """The time a valid form asks for."""
        name = self.cleaned_data["until"]
        at: datetime = self.cleaned_data["at"] if name == self.AT else self.times[name]
        return at.astimezone(UTC)


class TagForm(forms.Form):
    tags = forms.CharField(label="Tag", max_length=700, error_messages={"required": "Write a tag first."})

    def clean_tags(self) -> list[str]:
        try:
            return tags.names_in(self.cleaned_data["tags"])
        except tags.TagNameError as error:
            raise forms.ValidationError(str(error)) from error


class FileForm(forms.Form):
    file = forms.FileField(
        label="File",
        # The name is cut to what is kept, not refused.
        max_length=None,
        error_messages={"required": "Choose a file first.", "empty": "The file is empty."},
        widget=forms.FileInput(attrs={"accept": files.ACCEPTED}),
    )

    def __init__(
        self,
        data: MultiValueDict[str, str] | None = None,
        uploads: "MultiValueDict[str, UploadedFile[Any]] | None" = None,
        *,
        sent_bytes: int = 0,
    ) -> None:
        """`sent_bytes`: of the whole request. A file over the limit does not arrive, and is told by that."""
        super().__init__(data, uploads)
        if sent_bytes > settings.ATTACHMENT_MAX_MB * 1_000_000:
            too_large = f"The file is larger than {settings.ATTACHMENT_MAX_MB} MB."
            self.fields["file"].error_messages["required"] = too_large
