"""Lets payments leave in a file, and remembers who took which."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.auth.models import User

from cases.models import PaymentExport
from cases.queries.search import matching_ids
from cases.search import Search

MAX_ROWS = 100_000
# An export may take longer than a page, but not hold a connection of the web process for minutes.
_MILLISECONDS = 20_000


class NothingToExportError(Exception):
    """No payment fits the search; nothing was remembered."""


@dataclass(frozen=True)
class Export:
    """The payments that go into the file, newest first, and the file's name."""

    decision_ids: list[int]
    file_name: str


def begin_export(search: Search, *, filters: Mapping[str, str], file_format: str, actor: User, now: datetime) -> Export:
    """Choose the newest 100,000 payments that fit and record the export: before the first byte leaves.

    Raises:
        NothingToExportError: none fits.
        SearchTooSlowError: after 20 seconds. Nothing was recorded.
    """
    # Whatever page of the list was open, all of it leaves, as the record says.
    whole = replace(search, before=None, after=None)
    found = matching_ids(whole, limit=MAX_ROWS + 1, milliseconds=_MILLISECONDS)
    ids, is_cut = found[:MAX_ROWS], len(found) > MAX_ROWS
    if not ids:
        raise NothingToExportError
    PaymentExport.objects.create(
        exported_by=actor,
        exported_at=now,
        file_format=file_format,
        filters=dict(filters),
        rows=len(ids),
        is_cut=is_cut,
    )
    extent = f"newest-{len(ids)}" if is_cut else f"{len(ids)}"
    return Export(ids, f"payments-{now:%Y-%m-%d-%H%M}-{extent}.{file_format}")
