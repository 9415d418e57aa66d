"""Amounts as they are compared and shown. Pure."""

from decimal import ROUND_HALF_UP, Decimal

# ISO 4217 currencies whose minor unit is not a hundredth.
_DIGITS = {
    **dict.fromkeys(["CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"], 0),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
}
# Without a model nothing is known about the risk: half way neither hides the payment at the end of the
# queue nor lets it overtake those a model is sure about.
SCORE_WITHOUT_MODEL = 0.5


def stake_of(amount: Decimal, score: float | None) -> Decimal:
    """Expected loss of one payment, in its currency, to the hundredth."""
    probability = SCORE_WITHOUT_MODEL if score is None else score
    return (amount * Decimal(str(probability))).quantize(Decimal("0.01"), ROUND_HALF_UP)


def shown(amount: Decimal, currency: str) -> str:
    """`1,249.00`, with as many decimals as the currency has."""
    return f"{amount:,.{_DIGITS.get(currency, 2)}f}"


def plain(amount: Decimal, currency: str) -> str:
    """`1249.00` for programs: exact, with at least as many decimals as the currency has."""
    exponent = amount.normalize().as_tuple().exponent
    digits = max(_DIGITS.get(currency, 2), -exponent if isinstance(exponent, int) else 0)
    return f"{amount:.{digits}f}"
