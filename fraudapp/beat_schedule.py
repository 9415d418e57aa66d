"""What Celery beat asks of the task worker, and how often in seconds. What is asked too late is not done twice."""

from typing import Any

CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # The relay is told of new rows at once; this is for the telling that got lost.
    "relay-outbox": {"task": "streams.relay_outbox", "schedule": 5.0, "options": {"expires": 5}},
    # A label that comes has the waiting ones looked at; this is for when none comes.
    "retry-waiting-labels": {"task": "streams.retry_waiting_labels", "schedule": 60.0, "options": {"expires": 60}},
    # The task worker looks each second by itself.
    "settle-verdicts": {"task": "cases.settle_verdicts", "schedule": 10.0, "options": {"expires": 10}},
    "release-expired-claims": {"task": "cases.release_expired_claims", "schedule": 30.0, "options": {"expires": 30}},
    "watch-deadlines": {"task": "cases.watch_deadlines", "schedule": 15.0, "options": {"expires": 15}},
    "wake-snoozed-cases": {"task": "cases.wake_snoozed_cases", "schedule": 30.0, "options": {"expires": 30}},
    "refresh-figures": {"task": "cases.refresh_figures", "schedule": 60.0, "options": {"expires": 60}},
    "count-scores": {"task": "cases.count_scores", "schedule": 60.0, "options": {"expires": 60}},
    "forget-who-left": {"task": "cases.forget_who_left", "schedule": 60.0, "options": {"expires": 60}},
    "return-expired-checks": {"task": "cases.return_expired_checks", "schedule": 30.0, "options": {"expires": 30}},
    "trim-shadow-changes": {"task": "streams.trim_shadow_changes", "schedule": 60.0, "options": {"expires": 60}},
    "trim-shadow-scores": {"task": "streams.trim_shadow_scores", "schedule": 60.0, "options": {"expires": 60}},
    "clear-expired-entries": {
        "task": "scoring.clear_expired_entries",
        "schedule": 86400.0,
        "options": {"expires": 3600},
    },
    "record-looks": {"task": "scoring.record_looks", "schedule": 600.0, "options": {"expires": 600}},
    # Once a day is over; asked often, so that a worker that was away makes up for it.
    "measure-drift": {"task": "scoring.measure_drift", "schedule": 600.0, "options": {"expires": 600}},
    "measure-asked-drift": {"task": "scoring.measure_asked_drift", "schedule": 5.0, "options": {"expires": 5}},
    "retrain": {"task": "scoring.retrain", "schedule": 300.0, "options": {"expires": 300}},
    "embed-payments": {"task": "scoring.embed_payments", "schedule": 10.0, "options": {"expires": 10}},
    "watch-rules": {"task": "cases.watch_rules", "schedule": 300.0, "options": {"expires": 300}},
    "watch-rule-failures": {"task": "cases.watch_rule_failures", "schedule": 15.0, "options": {"expires": 15}},
    "follow-truths": {"task": "cases.follow_truths", "schedule": 300.0, "options": {"expires": 300}},
}
