"""`prepare_demo`: people, a policy, weeks of simulated history and a model trained on it. Twice changes nothing."""

import json
import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from scoring.features.definitions import VERSION
from scoring.models import ApiKey, Decision, ModelVersion, Policy
from scoring.policy_defaults import DECLINE_THRESHOLD, REVIEW_THRESHOLD, RULES
from scoring.services.keys import SCOPES, digest, issue_key
from scoring.services.policy import publish_policy
from streams.demo_reviews import follow_history, review_history

PEOPLE = {"alice": "analyst", "bob": "lead", "carol": "manager", "dave": "auditor"}
REVIEWERS = ("alice", "bob")
INTO_ADMIN = ("manager", "auditor")
HISTORY_DAYS = 30
# Denser than life, so that a short history teaches something.
HISTORY_FRAUD_RATE = 0.01
# In a history of weeks nothing reaches the usual age of 120 days.
MATURITY_DAYS = 10
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
        if not ModelVersion.objects.exists():
            self._learn(options["history_days"])
        elif not ModelVersion.objects.filter(feature_version=VERSION).exists():
            raise CommandError("These data are of an earlier version of the features; begin anew: make clean-data")
        if reviewed := review_history([User.objects.get(username=name) for name in REVIEWERS]):
            self._say(f"{reviewed} flagged payments have been reviewed.")
            follow_history(now=now())

    def _learn(self, days: float) -> None:
        if not Decision.objects.exists():
            self._say(f"Making {days:g} days of history.")
            with tempfile.TemporaryDirectory() as folder:
                self._import(Path(folder), days)
        self._say("Training the first model.")
        call_command("train_model", maturity_days=MATURITY_DAYS, stdout=self.stdout, stderr=self.stderr)

    def _import(self, folder: Path, days: float) -> None:
        history = folder / "history.jsonl"
        call_command(
            "simulate", file=history, days=days, fraud_rate=HISTORY_FRAUD_RATE, with_labels=True, stdout=self.stdout
        )
        call_command(
            "import_transactions",
            history,
            mapping=MAPPING,
            rejects=folder / "rejects.jsonl",
            stdout=self.stdout,
            stderr=self.stderr,
        )

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


def _ensure_api_key(key: str) -> None:
    if not ApiKey.objects.filter(sha256=digest(key)).exists():
        issue_key(name="demo", scopes=SCOPES, key=key)


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
