"""What the parts of a condition cost: nanoseconds a payment in a batch of 500, where every text is another one."""

from scoring.rules.errors import Place, RuleError, quoted

# Measured by `python -m bench.conditions`; docs/performance.md has the figures.
ARRAY_FIELD, FIELD, EXTRA = 3.0, 120.0, 250.0
COMPARISON, ARITHMETIC, REMAINDER, CHOICE, MEMBER, JOIN = 4.0, 6.0, 30.0, 6.0, 5.0, 2.0
EACH_TEXT, EACH_PAIR, EACH_TIME, CLOCK, IN_LIST = 300.0, 550.0, 1200.0, 50.0, 60.0
# A step costs that much where text and expression were made to be slow, and next to nothing else.
PATTERN, PATTERN_STEP = 1000.0, 40.0
# A fifth of what the rest of a decision takes in such a batch.
MAX_COST = 20_000.0


class Cost:
    """Of the parts of a condition; what is computed once counts once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._parts: dict[str, tuple[float, Place]] = {}

    def add(self, key: str, nanoseconds: float, place: Place) -> None:
        self._parts.setdefault(key, (nanoseconds, place))

    def allowed(self) -> dict[str, float]:
        """Of each part by its key.

        Raises:
            RuleError: it is more than a rule may cost.
        """
        total = sum(nanoseconds for nanoseconds, _ in self._parts.values())
        if total > MAX_COST:
            nanoseconds, place = max(self._parts.values())
            raise RuleError(
                f"The condition costs {total:,.0f} ns a payment, at most {MAX_COST:,.0f} are allowed; "
                f"{quoted(self._text[slice(*place)])} alone costs {nanoseconds:,.0f}.",
                place,
            )
        return {key: nanoseconds for key, (nanoseconds, _) in self._parts.items()}
