"""How often an API key may call."""

from typing import TYPE_CHECKING

from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from scoring.services import rate_limits
from scoring.services.key_book import KeyFacts

if TYPE_CHECKING:
    # The framework imports this module for its defaults before its views exist.
    from rest_framework.views import APIView


class KeyRateThrottle(BaseThrottle):
    """A call counts once against the limit of its key. Views that `count_calls` themselves leave it out."""

    _wait: float | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if isinstance(request.auth, KeyFacts):
            self._wait = rate_limits.hit(request.auth)
        return self._wait is None

    def wait(self) -> float | None:
        return None if self._wait is None else max(1.0, self._wait)


def count_calls(facts: KeyFacts, calls: int) -> None:
    """Count a call that is worth several, before anything is done for it.

    Raises:
        Throttled: the key has used up its calls.
        ValidationError: it is worth more than the key may have in a second.
    """
    try:
        wait = rate_limits.hit(facts, cost=calls)
    except rate_limits.TooManyAtOnceError as error:
        raise ValidationError({"non_field_errors": [str(error)]}) from error
    if wait is not None:
        raise Throttled(max(1.0, wait))
