"""How often an API key may call."""

from rest_framework.exceptions import Throttled, ValidationError

from scoring.services import rate_limits
from scoring.services.key_book import KeyFacts


async def count_calls(facts: KeyFacts, calls: int = 1) -> None:
    """Count a call, or one that is worth several, before anything is done for it.

    Raises:
        Throttled: the key has used up its calls.
        ValidationError: it is worth more than the key may have in a second.
    """
    try:
        wait = await rate_limits.hit(facts, cost=calls)
    except rate_limits.TooManyAtOnceError as error:
        raise ValidationError({"non_field_errors": [str(error)]}) from error
    if wait is not None:
        raise Throttled(max(1.0, wait))
