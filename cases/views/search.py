"""Payments by a name and filters: on a page, and as a file."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from cases import access, exports
from cases.models import PaymentExport
from cases.queries.queues import Desk
from cases.queries.search import SearchTooSlowError, found_payments, payments_with
from cases.queries.sight import sight_of
from cases.search import SearchForm
from cases.services.exports import MAX_ROWS, NothingToExportError, begin_export
from cases.views.pages import ConsoleRequest, page

_CHUNK_ROWS = 2_000
_TOO_SLOW = "This search reads too many payments. Shorten the time between from and to, or add a name."


@require_safe
def search(request: ConsoleRequest) -> HttpResponse:
    access.check_may_view(request.user)
    form = SearchForm(request.GET, now=now())
    found = None
    if form.is_valid():
        try:
            found = found_payments(form.search(), desk=access.desk_for(request.user))
        except SearchTooSlowError:
            form.add_error(None, _TOO_SLOW)
    sight = sight_of(request.user)
    if found is not None:
        sight.mask_rows(found.payments)
    return _search_page(request, form, {"found": found, "sight": sight})


@require_POST
def export_payments(request: ConsoleRequest, file_format: str) -> HttpResponseBase:
    access.check_may_export(request.user)
    form = SearchForm(request.POST, now=now())
    if form.is_valid():
        try:
            export = begin_export(
                form.search(), filters=form.filters(), file_format=file_format, actor=request.user, now=now()
            )
        except SearchTooSlowError:
            form.add_error(None, _TOO_SLOW)
        except NothingToExportError:
            form.add_error(None, "No payment fits this search: there is nothing to export.")
        else:
            return _file(export.decision_ids, export.file_name, file_format, access.desk_for(request.user))
    return _search_page(request, form, {})


def _search_page(request: ConsoleRequest, form: SearchForm, context: dict[str, Any]) -> HttpResponse:
    filters = form.filters()
    shown = {"form": form, "filters": filters, "address": urlencode(filters)}
    may = {"may_export": access.may_export(request.user), "max_rows": MAX_ROWS}
    status = 422 if form.errors else 200
    return page(request, "cases/search.html", {**context, **shown, **may}, status=status)


def _file(decision_ids: Sequence[int], file_name: str, file_format: str, desk: Desk) -> HttpResponseBase:
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "no-store"}
    if file_format == PaymentExport.Format.CSV:
        return StreamingHttpResponse(_csv(decision_ids, desk), content_type="text/csv; charset=utf-8", headers=headers)
    rows = (row for chunk in _chunks(decision_ids) for row in _read(chunk, desk))
    return HttpResponse(exports.parquet(rows), content_type="application/vnd.apache.parquet", headers=headers)


async def _csv(decision_ids: Sequence[int], desk: Desk) -> AsyncIterator[str]:
    """Piece by piece, each by a short query of its own: a slow reader holds no transaction and no connection."""
    yield exports.csv_header()
    for chunk in _chunks(decision_ids):
        yield exports.csv_lines(await sync_to_async(_read)(chunk, desk))


def _read(decision_ids: Sequence[int], desk: Desk) -> list[dict[str, Any]]:
    payments = payments_with(decision_ids, desk=desk)
    # Back to the pool, which else waits for it until the last byte is sent.
    if not connection.in_atomic_block:
        connection.close()
    return payments


def _chunks(decision_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (decision_ids[first : first + _CHUNK_ROWS] for first in range(0, len(decision_ids), _CHUNK_ROWS))
