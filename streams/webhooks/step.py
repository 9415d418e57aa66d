"""The task worker's part in webhooks."""

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db import connections

from streams.thread_step import RETRY_SECONDS, ThreadStep, is_passing
from streams.worker import RELAY_SECONDS

if TYPE_CHECKING:
    from streams.webhooks.courier import Courier

logger = logging.getLogger(__name__)


class WebhooksStep(ThreadStep):
    """Sends the payment system's endpoints what becomes of held payments, and again where they did not take it."""

    name = "webhooks"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = not stream

    @cached_property
    def _courier(self) -> "Courier":
        from streams.webhooks.courier import Courier

        # One for all turns: what it has sent is not forgotten while the database is away.
        return Courier()

    def stop(self, parent: Any) -> None:
        super().stop(parent)
        self._courier.close()

    terminate = stop

    def work(self) -> None:
        from django.utils.timezone import now

        while not self.stopping.is_set():
            try:
                self._courier.turn(now=now())
            except Exception as error:
                if is_passing(error):
                    raise
                # The relay and the verdicts beside must go on.
                logger.exception("webhooks could not be sent; will try again")
                connections.close_all()
                self.stopping.wait(RETRY_SECONDS)
            else:
                self._courier.rest(RELAY_SECONDS, self.stopping)
        self._courier.finish(now=now)
