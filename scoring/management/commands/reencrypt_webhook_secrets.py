"""`manage.py reencrypt_webhook_secrets`: after SECRET_KEY was changed, so that the former one can be forgotten."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scoring.services.sealing import UnreadableSecretError
from scoring.services.webhook_endpoints import reencrypt_secrets


class Command(BaseCommand):
    help = "Encrypt the secrets of webhooks with today's SECRET_KEY. Those it replaces stand in SECRET_KEY_FALLBACKS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        try:
            count = reencrypt_secrets()
        except UnreadableSecretError as error:
            words = f"{error} Nothing was changed: put the former key into SECRET_KEY_FALLBACKS and run this again."
            raise CommandError(words, returncode=1) from error
        report = {"secrets": count}
        self.stdout.write(json.dumps(report) if options["json"] else f"{count} secrets encrypted with SECRET_KEY.")
