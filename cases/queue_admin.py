"""Queues: managers edit them, auditors read them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from cases.models import Queue
from cases.services.queues import QueueInUseError, delete_queue, save_queue
from scoring.rules.language import RuleError, compile_condition

_TIME_OUT_NEEDS: dict[str, tuple[str, str]] = {
    Queue.TimeOut.ESCALATE: ("escalates_to", "Choose the queue that a case goes to when its time is up."),
    Queue.TimeOut.DECIDE: ("default_verdict", "Choose the verdict a case gets when its time is up."),
}


class QueueForm(forms.ModelForm):
    """A queue; its condition is compiled as it is typed in."""

    class Meta:
        model = Queue
        fields = (
            "title", "slug", "is_enabled", "takes_new", "position", "condition", "least_similarity", "members",
            "groups", "half_life_minutes", "sla_minutes", "warn_minutes", "on_timeout", "default_verdict",
            "escalates_to",
        )  # fmt: skip
        widgets = {"condition": forms.Textarea(attrs={"rows": 3, "cols": 80})}

    def clean_condition(self) -> str:
        condition: str = self.cleaned_data["condition"].strip()
        if problem := _problem_with(condition):
            raise forms.ValidationError(problem)
        return condition

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        asks = bool(cleaned.get("condition")) or cleaned.get("least_similarity") is not None
        if self.instance.is_default and (asks or not _is_on(cleaned)):
            raise forms.ValidationError(
                "This queue takes what no other takes: no condition, no least similarity, enabled, takes new cases."
            )
        warn, sla = cleaned.get("warn_minutes"), cleaned.get("sla_minutes")
        if warn is not None and sla is not None and warn >= sla:
            self.add_error("warn_minutes", "The warning comes before the time is up: fewer minutes than the SLA.")
        field, words = _TIME_OUT_NEEDS.get(cleaned.get("on_timeout", ""), ("", ""))
        if field and not cleaned.get(field):
            self.add_error(field, words)
        if self.instance.pk and _leads_back(self.instance, cleaned.get("escalates_to")):
            self.add_error("escalates_to", "From there cases would come back here: an escalation must end somewhere.")
        return cleaned


def _is_on(cleaned: dict[str, Any]) -> bool:
    return bool(cleaned.get("is_enabled") and cleaned.get("takes_new"))


def _problem_with(condition: str) -> str:
    """What is wrong with it, in the words that name the place; empty when nothing is."""
    try:
        if condition:
            compile_condition(condition)
    except RuleError as error:
        return str(error)
    return ""


def _asks(queue: Queue) -> bool:
    return bool(queue.condition) or queue.least_similarity is not None


def _leads_back(queue: Queue, to: Queue | None) -> bool:
    seen: set[int] = set()
    while to is not None and to.pk not in seen:
        if to.pk == queue.pk:
            return True
        seen.add(to.pk)
        to = to.escalates_to
    return False


@admin.register(Queue)
class QueueAdmin(admin.ModelAdmin):
    form = QueueForm
    list_display = (
        "title",
        "position",
        "condition",
        "sla_minutes",
        "on_timeout",
        "escalates_to",
        "is_enabled",
        "state",
    )
    list_select_related = ("escalates_to",)
    ordering = ("is_default", "position", "id")
    filter_horizontal = ("members", "groups")
    prepopulated_fields = {"slug": ["title"]}
    fieldsets = (
        (None, {"fields": ("title", "slug", "is_enabled")}),
        ("Which cases", {"fields": ("takes_new", "position", "condition", "least_similarity")}),
        ("Who works on them", {"fields": ("members", "groups")}),
        ("Order", {"fields": ("half_life_minutes",)}),
        ("Time", {"fields": ("sla_minutes", "warn_minutes", "on_timeout", "default_verdict", "escalates_to")}),
    )

    @admin.display(description="takes")
    def state(self, queue: Queue) -> str:
        if queue.is_default:
            return "what no other queue takes"
        if not queue.is_enabled or not queue.takes_new:
            return "no new cases"
        # One that could be read when it was saved may name a feature that is no longer there.
        problem = _problem_with(queue.condition)
        return f"NOTHING: {problem}" if problem else "what its condition says" if _asks(queue) else "every case"

    def save_model(self, request: HttpRequest, obj: Queue, form: Any, change: bool) -> None:
        save_queue(obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except QueueInUseError as error:
            # Raised through the admin's own transaction, which logs and announces nothing then.
            self.message_user(request, str(error), messages.ERROR)
            return redirect(reverse("admin:cases_queue_change", args=[object_id]))

    def delete_model(self, request: HttpRequest, obj: Queue) -> None:
        delete_queue(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Django would count and name the cases that stand in the way; the service says it in a sentence.
        return [str(obj) for obj in objs], {}, set(), []

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}
