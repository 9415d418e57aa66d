"""`manage.py run_training ID ATTEMPT`: what the task worker starts for a training it has claimed; nobody else needs it.

A process of its own, which forks no other: the threads of OpenMP would not come along, and the child would hang.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.timezone import now

from scoring.management.quiet import be_quiet
from scoring.services.trainings import run_training


class Command(BaseCommand):
    help = "Run a training that the task worker has claimed (see `manage.py train_model` for one of your own)."
    # Each takes seconds, and the parent has done them.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("training_id", type=int)
        parser.add_argument("attempt", type=int)

    def handle(self, *, training_id: int, attempt: int, **options: Any) -> None:
        be_quiet()
        run_training(training_id, attempt, clock=now)
