"""Django application."""

from django.apps import AppConfig


class StreamsConfig(AppConfig):
    name = "streams"

    def ready(self) -> None:
        """Have the streams' figures among the metrics."""
        # Models can be imported only now.
        from scoring.metrics import FROM_RECORD
        from streams.metrics import StreamCollector
        from streams.rescoring_metrics import RescoringCollector
        from streams.webhooks.metrics import WebhookCollector

        FROM_RECORD.register(StreamCollector())
        FROM_RECORD.register(RescoringCollector())
        FROM_RECORD.register(WebhookCollector())
