"""`manage.py import_list`: a CSV file into a list, all of it or nothing."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from scoring.models import ListImport
from scoring.rules.identities import ENTITIES
from scoring.rules.list_files import Given, UnreadableListError
from scoring.services.list_imports import FileRefusedError, Imported, Order, import_file
from scoring.services.lists import UnknownListError


class Command(BaseCommand):
    help = "Change a list as a CSV file says: all of the file, or nothing where a line is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="of the list, as block")
        parser.add_argument("file", type=Path, metavar="FILE", help="columns entity,value,reason,expires_at")
        parser.add_argument("--by", required=True, metavar="USERNAME", help="whose doing it is in the trace")
        parser.add_argument("--mode", choices=ListImport.Mode.values, default="add", help="default: add")
        parser.add_argument("--entity", choices=ENTITIES, default="", help="of lines that name none")
        parser.add_argument("--reason", default="", help="of lines that give none")
        parser.add_argument("--skip-bad-lines", action="store_true", help="take the others")
        parser.add_argument("--check", action="store_true", help="write nothing, say what would be done")

    def handle(self, *, file: Path, **options: Any) -> None:
        author = User.objects.filter(username=options["by"], is_active=True).first()
        if author is None:
            raise CommandError(f"There is no active user {options['by']}.")
        order = Order(
            list_name=options["name"],
            mode=options["mode"],
            file_name=file.name,
            given=Given(entity=options["entity"], reason=options["reason"]),
            skips_bad_lines=options["skip_bad_lines"],
            is_trial=options["check"],
        )
        done = self._import(file, order, author)
        for fault in done.faults:
            self.stderr.write(f"skipped line {fault.number}: {fault.field}: {fault.message}")
        counts = {name: value for name, value in asdict(done).items() if name != "faults"}
        said = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in counts.items())
        self.stdout.write(f"{'checked, nothing written' if order.is_trial else 'done'}: {said}")

    def _import(self, file: Path, order: Order, author: User) -> Imported:
        try:
            with file.open(encoding="utf-8", newline="") as text:
                return import_file(text, order, author=author, at=now())
        except FileRefusedError as refusal:
            for fault in refusal.faults:
                self.stderr.write(f"line {fault.number}: {fault.field}: {fault.message}")
            raise CommandError(str(refusal)) from refusal
        except (OSError, UnknownListError, UnreadableListError) as error:
            raise CommandError(str(error)) from error
