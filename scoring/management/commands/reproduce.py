"""`manage.py reproduce`: make recorded decisions again and compare them bit for bit."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils.timezone import now

from scoring.management.commands.train_model import moment
from scoring.models import Decision
from scoring.queries import decisions_of
from scoring.services.reproduction import Reproduction, reproduce

PROGRESS_SECONDS = 2.0
# What a shell reports for a program that Ctrl-C ended.
INTERRUPTED = 130
CHUNK = 1_000
# In the report for machines; all of them are printed otherwise.
MAX_EXAMPLES = 1_000
MAX_WORDS = 200


class Command(BaseCommand):
    help = (
        "Make decisions again from the record (payment, vector, model, policy, lists as they were) and compare them "
        "with what is recorded, bit for bit. Changes nothing. Exit code 1: some differ."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("transaction_ids", nargs="*", metavar="TRANSACTION_ID", help="these; all without any")
        parser.add_argument("--since", type=moment, metavar="TIME", help="decided then or later")
        parser.add_argument("--until", type=moment, metavar="TIME", help="decided then or before")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, transaction_ids: list[str], **options: Any) -> None:
        if transaction_ids and (options["since"] or options["until"]):
            raise CommandError("Name transactions, or a time: not both.", returncode=2)
        chunks = _named(transaction_ids) if transaction_ids else _decided(options["since"], options["until"] or now())
        counts: Counter[str] = Counter()
        examples: list[Reproduction] = []
        self._told, reached = time.monotonic(), None
        try:
            for chunk in chunks:
                results = reproduce(chunk)
                for result in results:
                    self._note(result, counts, examples, is_json=options["json"])
                reached = chunk[-1].decided_at
                self._tell(f"{counts.total():,} decisions made again, up to {reached:%Y-%m-%d %H:%M:%S} UTC")
        except KeyboardInterrupt as error:
            go_on = f" Go on with --since {reached.isoformat()}" if reached and not transaction_ids else ""
            words = f"Stopped after {counts.total():,} decisions ({_in_words(counts)}).{go_on}"
            raise CommandError(words, returncode=INTERRUPTED) from error
        self._report(counts, examples, is_json=options["json"])

    def _note(self, result: Reproduction, counts: Counter[str], examples: list[Reproduction], *, is_json: bool) -> None:
        kind = "same" if result.same else "different" if result.differences else "missing"
        counts[kind] += 1
        if result.same:
            return
        if is_json:
            examples.extend([result] if len(examples) < MAX_EXAMPLES else [])
            return
        for one in result.differences:
            words = f"{one.field}: recorded {_short(one.recorded)}, now {_short(one.recomputed)}"
            self.stdout.write(f"{result.transaction_id}  differs in {words}")
        for gone in result.missing:
            self.stdout.write(f"{result.transaction_id}  cannot be made again whole: {gone.words}")

    def _tell(self, words: str) -> None:
        if self.stderr.isatty() and time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            self.stderr.write(words, style_func=str)

    def _report(self, counts: Counter[str], examples: list[Reproduction], *, is_json: bool) -> None:
        if is_json:
            told = {"decisions": counts.total(), **{kind: counts[kind] for kind in ("same", "different", "missing")}}
            self.stdout.write(json.dumps(told | {"not_the_same": msgspec.to_builtins(examples)}))
        else:
            self.stdout.write(f"{counts.total():,} decisions were made again: {_in_words(counts)}.")
        if counts["different"]:
            raise CommandError(f"{counts['different']:,} decisions differ from what is recorded.", returncode=1)


def _in_words(counts: Counter[str]) -> str:
    words = f"{counts['same']:,} the same, {counts['different']:,} different"
    return words + (f", of {counts['missing']:,} something is gone" if counts["missing"] else "")


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= MAX_WORDS else f"{text[:MAX_WORDS]}..."


def _named(transaction_ids: list[str]) -> Iterator[list[Decision]]:
    names = list(dict.fromkeys(transaction_ids))
    for start in range(0, len(names), CHUNK):
        found = decisions_of(names[start : start + CHUNK])
        for name in names[start : start + CHUNK]:
            if name not in found:
                raise CommandError(f"No transaction {name!r} was decided here.", returncode=2)
        yield list(found.values())


def _decided(since: datetime | None, until: datetime) -> Iterator[list[Decision]]:
    """Chunks in the order of time, one at a time in memory."""
    decisions = Decision.objects.filter(decided_at__lte=until).order_by("decided_at", "id")
    following = decisions.filter(decided_at__gte=since) if since else decisions
    while chunk := list(following[:CHUNK]):
        yield chunk
        last = chunk[-1]
        after = Q(decided_at__gt=last.decided_at) | Q(id__gt=last.id)
        following = decisions.filter(after, decided_at__gte=last.decided_at)
