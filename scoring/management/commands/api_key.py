"""`api_key`: make keys of the API, list, rotate and revoke them."""

import json
from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils.timezone import now

from scoring.models import ApiKey
from scoring.services.key_rights import MayNotActForError
from scoring.services.keys import OVERLAP, SCOPES, KeyEndedError, digest, issue_key, revoke_key, rotate_key

NAME_LENGTH = 64
MAX_DAYS = 3650
MAX_RATE = 2**31 - 1


def text(value: str) -> str:
    """Something that can be kept and printed."""
    if not 0 < len(value) <= NAME_LENGTH or not value.isprintable():
        raise ArgumentTypeError(f"needs 1 to {NAME_LENGTH} printable characters")
    return value


def days(value: str) -> int:
    """A number of days, 0 among them."""
    return _whole(value, 0, MAX_DAYS)


def days_from_now(value: str) -> int:
    return _whole(value, 1, MAX_DAYS)


def calls(value: str) -> int:
    return _whole(value, 1, MAX_RATE)


def _whole(value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 12) or not least <= int(value) <= most:
        raise ArgumentTypeError(f"is no whole number from {least} to {most}")
    return int(value)


class Command(BaseCommand):
    help = "Make keys of the API, list, rotate and revoke them. A key is printed once, when it is made."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        making = actions.add_parser("create", help="make a key and print it")
        making.add_argument("name", type=text, metavar="NAME", help="of the program that gets it")
        making.add_argument("--scope", action="append", choices=SCOPES, required=True, help="may be given often")
        making.add_argument("--user", type=text, metavar="USERNAME", help="whom it acts for; needed with cases")
        making.add_argument("--rate-limit", type=calls, metavar="N", help="calls a second; default: API_RATE_LIMIT")
        making.add_argument("--expires-in", type=days_from_now, metavar="DAYS", help="default: it does not expire")
        listing = actions.add_parser("list", help="the newest first")
        listing.add_argument("--state", choices=ApiKey.State.values, help="only in this state")
        rotating = actions.add_parser("rotate", help="make the key that takes the place of one and print it")
        rotating.add_argument(
            "--overlap", type=days, default=OVERLAP.days, metavar="DAYS",
            help=f"so long the old one still works, 0: no more; default: {OVERLAP.days}",
        )  # fmt: skip
        revoking = actions.add_parser("revoke", help="end a key at once")
        for one in (rotating, revoking):
            one.add_argument("key", type=text, metavar="KEY", help="its number, or its first characters as listed")
        for one in (making, rotating, revoking):
            one.add_argument(
                "--by", type=text, metavar="USERNAME", help="who does this, for the record and with their rights"
            )
        for one in (making, listing, rotating, revoking):
            one.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *, action: str, **options: Any) -> None:
        handlers = {"create": self._create, "list": self._list, "rotate": self._rotate, "revoke": self._revoke}
        handlers[action](options)

    def _create(self, options: dict[str, Any]) -> None:
        lives = options["expires_in"]
        try:
            key = issue_key(
                name=options["name"],
                scopes=options["scope"],
                user=_person(options["user"], "--user"),
                rate_limit=options["rate_limit"],
                expires_at=None if lives is None else now() + timedelta(days=lives),
                created_by=_person(options["by"], "--by"),
            )
        except (ValueError, MayNotActForError) as error:
            raise CommandError(str(error), returncode=2) from error
        self._print_once(key, options)

    def _list(self, options: dict[str, Any]) -> None:
        at = now()
        rows = ApiKey.objects.select_related("user", "created_by", "revoked_by").order_by("-id")
        shown = [_as_json(row, at) for row in rows if options["state"] in (None, row.state_at(at))]
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        for one in shown:
            self.stdout.write(_line(one))

    def _rotate(self, options: dict[str, Any]) -> None:
        row, by = _key_named(options["key"]), _person(options["by"], "--by")
        try:
            key = rotate_key(row, overlap=timedelta(days=options["overlap"]), at=now(), by=by)
        except (KeyEndedError, MayNotActForError) as error:
            raise CommandError(str(error)) from error
        self._print_once(key, options)

    def _revoke(self, options: dict[str, Any]) -> None:
        row, by = _key_named(options["key"]), _person(options["by"], "--by")
        is_first = revoke_key(row, at=now(), by=by)
        row.refresh_from_db()
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(row, now())))
        else:
            self.stdout.write(f"{row} is revoked." if is_first else f"{row} was revoked before.")

    def _print_once(self, key: str, options: dict[str, Any]) -> None:
        row = ApiKey.objects.select_related("user", "created_by").get(sha256=digest(key))
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(row, now()) | {"key": key}))
            return
        # The key alone on stdout, so that it can be piped to where it is kept.
        self.stderr.write(f"{_line(_as_json(row, now()))}\nThe key, shown this once:", self.style.NOTICE)
        self.stdout.write(key)


def _key_named(named: str) -> ApiKey:
    """A key by its number or its prefix."""
    wanted = Q(prefix=named)
    if named.isascii() and named.isdecimal() and len(named) < 19:
        wanted |= Q(id=int(named))
    found = list(ApiKey.objects.select_related("user").filter(wanted)[:2])
    if not found:
        # What was given may be a whole key: it is not repeated.
        raise CommandError("There is no such key; `api_key list` shows the number and prefix of each.", returncode=2)
    if len(found) > 1:
        raise CommandError("Several keys begin like this; give the number of one.", returncode=2)
    return found[0]


def _person(username: str | None, option: str) -> User | None:
    if username is None:
        return None
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise CommandError(f"{option}: there is nobody with this user name and an open account.", returncode=2)
    return person


def _as_json(row: ApiKey, at: datetime) -> dict[str, Any]:
    def moment(value: datetime | None) -> str | None:
        return None if value is None else value.isoformat()

    return {
        "id": row.id,
        "name": row.name,
        "prefix": row.prefix,
        "scopes": row.scopes,
        "user": row.user and row.user.username,
        "rate_limit": row.rate_limit,
        "state": str(row.state_at(at).value),
        "expires_at": moment(row.expires_at),
        "last_used_at": moment(row.last_used_at),
        "rotated_from": row.rotated_from_id,
        "created_at": moment(row.created_at),
        "created_by": row.created_by and row.created_by.username,
        "revoked_at": moment(row.revoked_at),
        "revoked_by": row.revoked_by and row.revoked_by.username,
    }


def _line(one: dict[str, Any]) -> str:
    parts = [str(one["id"]), f"{one['prefix']}...", one["name"], ",".join(one["scopes"]), one["state"]]
    parts += [f"for {one['user']}"] if one["user"] else []
    parts += [f"until {one['expires_at']}"] if one["expires_at"] else []
    return "  ".join([*parts, f"last used {one['last_used_at'] or 'never'}"])
