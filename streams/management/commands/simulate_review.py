"""`manage.py simulate_review`: what a desk would have learnt from a file of payments whose truth is known."""

import json
from argparse import ArgumentTypeError
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from scoring.importing.formats import UnreadableFileError
from scoring.importing.mapping import MappingError, load_mapping
from scoring.importing.service import check_file
from scoring.models import Decision
from scoring.policy_defaults import DECLINE_THRESHOLD, REVIEW_THRESHOLD, RULES
from scoring.services.policy import NoPolicyError, live_policy, publish_policy
from scoring.services.rebuild import restore_features
from scoring.services.store import batch_store
from streams.management.terminal import INTERRUPTED, positive
from streams.review_loop.desk import open_desk
from streams.review_loop.figures import HEADS, words_of
from streams.review_loop.loop import Plan, ReviewLoop
from streams.review_loop.payments import NotInOrderError, days_of


def day(value: str) -> date:
    """A day like 2026-01-31."""
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ArgumentTypeError(f"{value!r} is not a day like 2026-01-31") from error


def number(value: str) -> int:
    """From 0 to 10,000."""
    if not value.isdecimal() or int(value) > 10_000:
        raise ArgumentTypeError(f"{value!r} is not a number from 0 to 10,000")
    return int(value)


def share(value: str) -> float:
    """From 0 to 1."""
    try:
        given = float(value)
    except ValueError:
        given = -1.0
    if not 0.0 <= given <= 1.0:
        raise ArgumentTypeError(f"{value!r} is not a share from 0 to 1")
    return given


class Command(BaseCommand):
    help = (
        "Decide a file's payments day by day, review the doubtful ones as its labels say, let chargebacks come late, "
        "and train again and again. Needs an empty database; prints how good the models were."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="payments sorted by time, with labels")
        parser.add_argument("--mapping", type=Path, required=True, metavar="MAPPING.toml", help="see docs/importing.md")
        parser.add_argument("--from", dest="first", type=day, metavar="DAY", help="default: the file's first")
        parser.add_argument("--to", dest="last", type=day, metavar="DAY", help="included; default: the file's last")
        parser.add_argument("--reviews-a-day", type=number, default=100, metavar="N", help="cards, 0: none")
        parser.add_argument(
            "--audit-share",
            type=share,
            default=0.1,
            metavar="SHARE",
            help="of the reviews, of payments drawn at random",
        )
        parser.add_argument("--chargeback-days", type=number, default=30, metavar="N", help="after the payment")
        parser.add_argument("--retrain-days", type=positive, default=7, metavar="N", help="between trainings")
        parser.add_argument("--window-days", type=positive, default=60, metavar="N", help="a training looks back")
        parser.add_argument(
            "--maturity-days",
            type=number,
            metavar="N",
            help="age from which no label means legitimate; default: as chargebacks",
        )
        parser.add_argument(
            "--known-days", type=number, default=21, metavar="N",
            help="a card is blocked, and not reviewed or counted, once a fraud of it is known",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, file: Path, mapping: Path, first: date | None, last: date | None, **options: Any) -> None:
        if Decision.objects.exists():
            raise CommandError("There are payments here already; take an empty database of its own.", returncode=2)
        try:
            read = load_mapping(mapping)
            if read.label is None:
                raise CommandError(f"{mapping} names no label: nobody could say what the payments were.", returncode=2)
            check_file(file, read)
            loop = ReviewLoop(_plan(options), open_desk(), self._say)
            _ensure_policy()
            restore_features(store=batch_store(), progress=lambda done, total: None)
            for number_of_day, (when, payments) in enumerate(
                days_of(file, read, first=first, last=last, read_at=now()), start=1
            ):
                loop.live(when, payments)
                self._say(f"{when}: day {number_of_day}, {len(payments):,} payments")
        except (MappingError, UnreadableFileError, NotInOrderError) as error:
            raise CommandError(str(error), returncode=2) from error
        except KeyboardInterrupt as error:
            raise CommandError("Stopped. Begin anew with an empty database.", returncode=INTERRUPTED) from error
        figures = loop.figures(at=now())
        self.stdout.write(json.dumps(figures) if options["json"] else _words(figures))

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)


def _plan(options: dict[str, Any]) -> Plan:
    given = {one.name: options[one.name] for one in fields(Plan)}
    if given["maturity_days"] is None:
        given["maturity_days"] = given["chargeback_days"]
    return Plan(**given)


def _ensure_policy() -> None:
    try:
        live_policy()
    except NoPolicyError:
        publish_policy(
            review_threshold=REVIEW_THRESHOLD, decline_threshold=DECLINE_THRESHOLD, rules=RULES, note="The first.",
            published_by=None, based_on=0,
        )  # fmt: skip


def _words(figures: dict[str, Any]) -> str:
    lines = [HEADS, *map(words_of, figures["weeks"])]
    if told := figures["recall"]:
        lines.append(
            f"Recall {told['truth']:.3f}; the random audit says {told['estimate']:.3f} ({told['low']:.3f} to "
            f"{told['high']:.3f}) from {told['reviewed']:,} payments, {told['frauds_found']:,} of them fraud."
        )
    return "\n".join(lines)
