"""Django application."""

from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "cases"

    def ready(self) -> None:
        """Have the desk's figures among the metrics."""
        # Models can be imported only now.
        from cases.metrics import CaseCollector
        from scoring.metrics import FROM_RECORD

        FROM_RECORD.register(CaseCollector())
