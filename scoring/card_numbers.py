"""Card numbers, which are never taken in, kept or shown: to know one, and to mask it in what is kept. Pure."""

import re

MAX_SEARCHED_BYTES = 16 * 1024
_DIGIT_RUN = re.compile(rb"\d(?:[ -]?\d){12,}")


def looks_like_card_number(value: str) -> bool:
    """True for 13-19 digits (spaces and dashes between) that pass the Luhn check. Source: ISO/IEC 7812-1."""
    if len(value) < 13 or value[0].isalpha():
        return False  # nearly every token: no need to look further
    digits = value.replace("-", "").replace(" ", "")
    if not 13 <= len(digits) <= 19 or not digits.isdecimal() or not digits.isascii():
        return False
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(int(digit) for digit in digits[-1::-2])) % 10 == 0


def mask_card_numbers(record: bytes) -> bytes:
    """The record with all but the last four digits of each card number replaced: what may be kept of a refused one."""
    if len(record) > MAX_SEARCHED_BYTES:
        # Too large to be one of ours, and perhaps all digits: not worth a look at each of them.
        return _DIGIT_RUN.sub(b"*", record)
    return _DIGIT_RUN.sub(lambda run: _mask_run(run.group()), record)


def _mask_run(run: bytes) -> bytes:
    """Mask each row of whole groups that is a card number: beside it its expiry or code may stand."""
    groups = [found.span() for found in re.finditer(rb"\d+", run)]
    masked = bytearray(run)
    for first, (start, _) in enumerate(groups):
        for _, end in groups[first : first + 19]:  # a card number has no more digits
            if looks_like_card_number(run[start:end].decode()):
                masked[start : end - 4] = re.sub(rb"\d", b"*", run[start : end - 4])
    return bytes(masked)


def quotable(text: str) -> str:
    """The first 200 characters of what may quote a record, without card numbers and NUL, which PostgreSQL refuses."""
    # Masked before it is cut: the beginning of a card number would not be known as one.
    masked = mask_card_numbers(text.encode(errors="replace")).decode()
    return masked[:200].replace("\x00", "\ufffd")
