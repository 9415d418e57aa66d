"""`prepare_demo`: people, a policy, weeks of simulated history and models trained on it. Twice changes nothing."""

import json
import os
import tempfile
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from cases.models import ApprovalLimit, Case, Queue, SavedView
from cases.services import saved_views
from cases.services.queues import save_queue
from scoring.features.definitions import VERSION
from scoring.models import ApiKey, Decision, ModelVersion, Policy
from scoring.policy_defaults import DECLINE_THRESHOLD, REVIEW_THRESHOLD, RULES
from scoring.services.keys import SCOPES, digest, issue_key
from scoring.services.policy import publish_policy
from streams.demo_audit import audit_history
from streams.demo_desk import begin_desk
from streams.demo_models import begin_models
from streams.demo_past import work_off
from streams.demo_policy import begin_policy
from streams.demo_reviews import follow_history, review_history

# Two managers: what one proposes the other publishes.
PEOPLE = {"alice": "analyst", "bob": "lead", "carol": "manager", "dave": "auditor", "erin": "manager"}
# Those of the lead are shared with the desk.
VIEWS = {
    "bob": {"Over 500": {"amount_from": "500"}, "Small amounts": {"amount_to": "2"}},
    "alice": {"New devices": {"reason": "device"}},
}
INTO_ADMIN = ("manager", "auditor")
HISTORY_DAYS = 30
# The model learns from the days before, and scores these as they are read: thresholds can be looked at.
SCORED_DAYS = 15
# Denser than life, so that a short history teaches something.
HISTORY_FRAUD_RATE = 0.01
# In a history of weeks nothing reaches the usual age of 120 days.
MATURITY_DAYS = 10
# Short times, so that warnings and escalations are seen while one looks.
QUEUES: list[dict[str, Any]] = [
    {
        "slug": "card-testing",
        "title": "Card testing",
        "position": 10,
        "condition": "card_small_streak >= 5 AND card_count_1h >= 5",
        "sla_minutes": 15,
        "warn_minutes": 5,
        "half_life_minutes": 5,
        "on_timeout": Queue.TimeOut.ESCALATE,
    },
    {
        "slug": "large-amounts",
        "title": "Large amounts",
        "position": 20,
        "condition": "amount >= 300",
        "sla_minutes": 30,
        "warn_minutes": 10,
        "half_life_minutes": 20,
        "on_timeout": Queue.TimeOut.ESCALATE,
    },
    {
        "slug": "small-amounts",
        "title": "Small amounts",
        "position": 30,
        "condition": "amount < 25",
        "sla_minutes": 60,
        "on_timeout": Queue.TimeOut.DECIDE,
        "default_verdict": "inconclusive",
    },
]
# About one in ten of the simulator's frauds is larger.
APPROVAL_AMOUNT = 500
# Who has worked before, and how much: as much as is made in some seconds.
DESK, CASE_DAYS, CASES_A_DAY = ("alice", "bob"), 14, 12
AUDITED_A_DAY = 5
MAPPING = Path(settings.BASE_DIR) / "docs" / "mappings" / "simulated.toml"


class Command(BaseCommand):
    help = "Fill an empty database for the demo: users of each role, a policy, history, a model."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--credentials", type=Path, required=True, help="write logins and API key to this file")
        parser.add_argument("--history-days", type=float, default=HISTORY_DAYS)

    def handle(self, *args: Any, **options: Any) -> None:
        if os.environ.get("DEMO") != "1":
            raise CommandError("This makes users with known passwords; it runs with DEMO=1 only.", returncode=2)
        secrets = json.loads(Path(os.environ["DEMO_SECRETS"]).read_text())
        users = [_ensure_user(name, role, secrets["passwords"][name]) for name, role in PEOPLE.items()]
        _ensure_api_key(secrets["api_key"])
        options["credentials"].touch(mode=0o600)
        options["credentials"].chmod(0o600)
        options["credentials"].write_text(json.dumps({"users": users, "api_key": secrets["api_key"]}))
        _ensure_policy()
        _ensure_queues()
        _ensure_views()
        if not ModelVersion.objects.exists():
            self._learn(options["history_days"])
        elif not ModelVersion.objects.filter(feature_version=VERSION).exists():
            raise CommandError("These data are of an earlier version of the features; begin anew: make clean-data")
        if not Case.objects.exists():
            self._work(options["history_days"])
            begin_desk({user.username: user for user in User.objects.filter(username__in=PEOPLE)}, now=now())
        _ensure_limits()
        if ModelVersion.objects.count() == 1:
            self._say("Training a second model, to be proposed.")
            carol = User.objects.get(username="carol")
            begin_models(carol, now=now(), maturity_days=MATURITY_DAYS, out=self.stdout)
        if Policy.objects.count() == 1:
            manager = User.objects.get(username="carol")
            begin_policy(manager, now=now(), maturity_days=settings.DASHBOARD_MATURE_DAYS)
        call_command("count_figures", stdout=self.stdout)

    def _learn(self, days: float) -> None:
        if Decision.objects.exists():
            return self._train()
        self._say(f"Making {days:g} days of history.")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            past, scored = self._simulate(folder, days)
            self._import(folder, past)
            self._train()
            self._import(folder, scored)
            return None

    def _train(self) -> None:
        self._say("Training the first model.")
        call_command("train_model", maturity_days=MATURITY_DAYS, stdout=self.stdout, stderr=self.stderr)

    def _simulate(self, folder: Path, days: float) -> tuple[Path, Path]:
        """Files of the days to learn from and of those to score; of a short history none is scored."""
        history = folder / "history.jsonl"
        call_command(
            "simulate", file=history, days=days, fraud_rate=HISTORY_FRAUD_RATE, with_labels=True, stdout=self.stdout
        )
        past, scored = folder / "past.jsonl", folder / "scored.jsonl"
        lines = history.read_bytes().splitlines(keepends=True)
        share = SCORED_DAYS / days if days >= 2 * SCORED_DAYS else 0.0
        first = round(len(lines) * (1 - share))
        past.write_bytes(b"".join(lines[:first]))
        scored.write_bytes(b"".join(lines[first:]))
        return past, scored

    def _import(self, folder: Path, history: Path) -> None:
        if not history.stat().st_size:
            return
        call_command(
            "import_transactions",
            history,
            mapping=MAPPING,
            rejects=folder / "rejects.jsonl",
            stdout=self.stdout,
            stderr=self.stderr,
        )

    def _work(self, days: float) -> None:
        self._say("Working off the cases of these days.")
        desk = list(User.objects.filter(username__in=DESK).order_by("username"))
        review_history(desk)
        follow_history(now=now())
        since = now() - timedelta(days=min(days, CASE_DAYS))
        until = now()
        work_off(since=since, until=until, a_day=CASES_A_DAY, analysts=desk)
        manager = User.objects.get(username="carol")
        audit_history(since=since, until=until, a_day=AUDITED_A_DAY, analysts=desk, manager=manager)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _ensure_user(name: str, role: str, password: str) -> dict[str, str]:
    user, is_new = User.objects.get_or_create(username=name, defaults={"first_name": name.capitalize()})
    if is_new or not user.check_password(password):
        user.set_password(password)
        user.is_staff = role in INTO_ADMIN
        user.save()
    user.groups.set([Group.objects.get(name=role)])
    return {"username": name, "password": password, "role": role}


def _ensure_views() -> None:
    if SavedView.objects.exists():
        return
    for name, views in VIEWS.items():
        owner = User.objects.get(username=name)
        for title, filters in views.items():
            saved_views.save(owner=owner, name=title, filters=filters, is_shared=PEOPLE[name] == "lead")


def _ensure_api_key(key: str) -> None:
    if not ApiKey.objects.filter(sha256=digest(key)).exists():
        issue_key(name="demo", scopes=SCOPES, key=key, user=User.objects.get(username=DESK[0]))


def _ensure_policy() -> None:
    if not Policy.objects.exists():
        publish_policy(
            review_threshold=REVIEW_THRESHOLD,
            decline_threshold=DECLINE_THRESHOLD,
            rules=RULES,
            note="The policy the demo starts with.",
            published_by=None,
            based_on=0,
        )


def _ensure_queues() -> None:
    """Queues beside the two that every deployment starts with; what somebody has changed since stays."""
    leads = Queue.objects.filter(slug="leads").first()
    for values in QUEUES:
        if leads is not None and not Queue.objects.filter(slug=values["slug"]).exists():
            queue = Queue(**values, escalates_to=leads)
            save_queue(queue)
            queue.members.set(User.objects.filter(username__in=["alice", "bob"]))


def _ensure_limits() -> None:
    """So that a lead finds something to approve now and then."""
    if not ApprovalLimit.objects.exists():
        ApprovalLimit.objects.create(verdict=Case.Verdict.FRAUD, amount=APPROVAL_AMOUNT)
        ApprovalLimit.objects.create(verdict=Case.Verdict.LEGITIMATE, amount=APPROVAL_AMOUNT)
