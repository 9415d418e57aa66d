"""Text in CSV files that no spreadsheet takes for a formula, and back. Pure."""

import re

# A cell is a formula by its first character, and spreadsheets see a first character also behind quotes and blanks, and
# behind a separator of their own language's. The wide forms are read as the narrow ones. Source: OWASP, CSV Injection.
_BEGINS = r"""(?=["'\s]*[=+\-@\uff1d\uff0b\uff0d\uff20]|["']*[\t\r\n])"""
_FORMULA = re.compile(r"(^|[;,|\t\r\n])" + _BEGINS)
_SAFE = re.compile(r"(^|[;,|\t\r\n])'" + _BEGINS)


def safe_text(text: str) -> str:
    """The text with an apostrophe where a spreadsheet would otherwise begin a formula."""
    return _FORMULA.sub(r"\1'", text)


def plain_text(text: str) -> str:
    """What `safe_text` was given to make this of."""
    return _SAFE.sub(r"\1", text)
