"""What may be sent to hand a case on."""

from django import forms

from cases.models import Queue
from cases.queries.queues import Desk


class EscalateForm(forms.Form):
    note = forms.CharField(
        label="Reason",
        max_length=500,
        error_messages={"required": "Say in the note why you escalate: it is what the next one reads first."},
    )


class MoveForm(forms.Form):
    """One of the enabled queues."""

    queue = forms.TypedChoiceField(label="Queue", error_messages={"invalid_choice": "There is no such open queue."})

    def __init__(self, *args: object, desk: Desk, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._queues = {queue.slug: queue for queue in desk.queues if queue.is_enabled and desk.sees(queue.id)}
        self.fields["queue"].choices = [(slug, queue.title) for slug, queue in self._queues.items()]  # type: ignore[attr-defined]

    @property
    def chosen(self) -> Queue:
        return self._queues[self.cleaned_data["queue"]]
