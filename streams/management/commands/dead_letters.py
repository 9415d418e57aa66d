"""`dead_letters`: list refused records, show one, send them again, set them aside."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from streams.connect import connect_publisher
from streams.dead_letters import NotWaitingError, in_words, resend_letters, set_aside, text_of
from streams.ledger.report import printable
from streams.models import DeadLetter
from streams.source import StreamError

LIMIT = 100


class Command(BaseCommand):
    help = "Look at records that were refused; send them again, as they are or corrected; set them aside."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="the newest first")
        listing.add_argument("--stream", help="only of this stream")
        listing.add_argument("--state", choices=DeadLetter.State.values, help="only in this state")
        listing.add_argument("--search", default="", help="only where the errors hold this text")
        listing.add_argument("--limit", type=int, default=LIMIT, metavar="N", help=f"at most so many; {LIMIT}")
        showing = actions.add_parser("show", help="one letter with its record")
        showing.add_argument("id", type=int)
        sending = actions.add_parser("resend", help="send to their streams again")
        sending.add_argument("ids", type=int, nargs="+", metavar="ID")
        sending.add_argument("--body", type=Path, metavar="FILE", help="the corrected record (one letter only)")
        putting = actions.add_parser("set-aside", help="nothing is to be done about them")
        putting.add_argument("ids", type=int, nargs="+", metavar="ID")
        putting.add_argument("--reason", required=True)
        for one in (listing, showing, sending, putting):
            one.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *, action: str, **options: Any) -> None:
        handlers = {"list": self._list, "show": self._show, "resend": self._resend, "set-aside": self._set_aside}
        handlers[action](options)

    def _list(self, options: dict[str, Any]) -> None:
        letters = DeadLetter.objects.filter(errors__icontains=options["search"]).order_by("-id")
        if options["stream"]:
            letters = letters.filter(stream=options["stream"])
        if options["state"]:
            letters = letters.filter(state=options["state"])
        shown = [_as_json(letter) for letter in letters.defer("body")[: max(0, options["limit"])]]
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        for one in shown:
            self.stdout.write(f"{one['id']}  {one['state']}  {one['place']}  {_sentence(one['errors'])}")

    def _show(self, options: dict[str, Any]) -> None:
        letter = DeadLetter.objects.filter(id=options["id"]).first()
        if letter is None:
            raise CommandError(f"There is no dead letter {options['id']}.", returncode=2)
        events = letter.events.select_related("actor").order_by("id")
        shown = _as_json(letter) | {
            "record": text_of(letter.body),
            "done": [
                {"what": event.kind, "who": str(event.actor or ""), "when": event.happened_at.isoformat(),
                 "reason": event.reason, "record": None if event.body is None else text_of(event.body)}
                for event in events
            ],
        }  # fmt: skip
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        lines = [f"{shown['place']}, came {shown['created_at']}, {shown['state']}", _sentence(shown["errors"])]
        lines += [
            f"{done['when']} {done['what']} {done['who'] or 'by command'} {done['reason']}" for done in shown["done"]
        ]
        self.stdout.write("\n".join([*lines, "", json.dumps(shown["record"], ensure_ascii=False)]))

    def _resend(self, options: dict[str, Any]) -> None:
        if options["body"] is not None and len(options["ids"]) != 1:
            raise CommandError("--body corrects one letter: name one ID.", returncode=2)
        body = _read(options["body"])
        try:
            with closing(connect_publisher()) as publisher:
                report = resend_letters(dict.fromkeys(options["ids"], body), by=None, at=now(), publisher=publisher)
        except StreamError as error:
            raise CommandError(f"{error}. The letters are shown as being sent; run the command again.") from error
        if options["json"]:
            self.stdout.write(json.dumps({"sent": report.sent, "refused": report.refused}))
        else:
            for letter_id in report.sent:
                self.stdout.write(f"{letter_id}  sent again")
            for letter_id, errors in report.refused.items():
                self.stdout.write(f"{letter_id}  not sent: {_sentence(errors)}")
        if report.refused:
            raise CommandError(f"{len(report.refused)} of {len(options['ids'])} were not sent.")

    def _set_aside(self, options: dict[str, Any]) -> None:
        try:
            set_aside(options["ids"], reason=options["reason"][:500], by=None, at=now())
        except NotWaitingError as error:
            raise CommandError(f"Nothing was set aside: {error}.") from error
        self.stdout.write(json.dumps({"set_aside": options["ids"]}) if options["json"] else "Set aside.")


def _read(file: Path | None) -> bytes | None:
    try:
        return None if file is None else file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", returncode=2) from error


def _sentence(errors: list[dict[str, str]]) -> str:
    """Errors on one line; they quote the record."""
    return printable("; ".join(in_words(errors)))


def _as_json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "place": str(letter),
        "state": letter.state,
        "errors": letter.errors,
        "created_at": letter.created_at.isoformat(),
    }
