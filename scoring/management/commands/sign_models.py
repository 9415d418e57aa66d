"""`manage.py sign_models`: after MODEL_SIGNING_KEY was changed, so that the models of before score again."""

import json
import os
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scoring.services.model_signing import SignedAnew, sign_anew

FORMER_KEY = "FORMER_MODEL_SIGNING_KEY"


class Command(BaseCommand):
    help = (
        f"Sign models with today's MODEL_SIGNING_KEY whose signature with {FORMER_KEY}, from the environment, is right."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        key = os.environ.get(FORMER_KEY, "")
        if not key:
            raise CommandError(f"Put the key they are signed with into {FORMER_KEY}.", returncode=2)
        found = sign_anew(former_key=key)
        self.stdout.write(json.dumps(asdict(found)) if options["json"] else _words(found))


def _words(found: SignedAnew) -> str:
    words = f"{len(found.signed)} models signed anew, {len(found.as_they_were)} were signed with today's key."
    if found.left:
        words += f" Signed with neither key, or changed, and still refused: {', '.join(found.left)}."
    return words
