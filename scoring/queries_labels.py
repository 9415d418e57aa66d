"""Which label of a payment is believed at a time: the one reading of the ledger, as SQL and as a part of queries."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, F, Func, Value
from django.db.models.sql.compiler import SQLCompiler

from scoring.models import Label

# Who is believed when sources contradict each other: money that moved, then the bank, the cardholder, us.
SOURCES_BY_WEIGHT = (
    Label.Source.CHARGEBACK,
    Label.Source.ISSUER_REPORT,
    Label.Source.CUSTOMER,
    Label.Source.ANALYST,
)
_ORDER = ", ".join(f"'{source.value}'" for source in SOURCES_BY_WEIGHT)
# SQL of now: of the statement, for in a long transaction `now()` lies before what it has written.
NOW = "statement_timestamp()"
# After whatever will be known.
EVER = datetime(9999, 1, 1, tzinfo=UTC)
# The smallest step of PostgreSQL's clock.
_TICK = timedelta(microseconds=1)


def believed(which: str, as_of: str = NOW, *, settle_days: Mapping[str, int] | None = None) -> str:
    """SQL that selects decision_id, label, source and known_at of the label believed of each payment that has one.

    Of each source the newest statement known by `as_of` counts, and nothing where that one takes back what the source
    said; of the sources the weightiest is believed. A statement of a source that takes days to settle counts once it
    is so old, its withdrawal at once.

    which: a condition on `label`, most often its `decision_id`. as_of: SQL of a moment. settle_days: whole days by
    source; None takes `LABEL_SETTLE_DAYS`. All three are our own texts, never somebody's input.
    """
    return f"""
SELECT DISTINCT ON (said.decision_id) said.decision_id, said.label, said.source, said.known_at FROM (
  SELECT DISTINCT ON (label.decision_id, label.source) label.decision_id, label.label, label.source, label.known_at
  FROM scoring_label AS label WHERE {which} AND {_is_heard(as_of, settle_days)}
  ORDER BY label.decision_id, label.source, label.known_at DESC, label.id DESC
) AS said WHERE said.label <> 'withdrawn'
ORDER BY said.decision_id, array_position(ARRAY[{_ORDER}], said.source::text)
"""  # noqa: S608 - texts of our own


def believed_of(decision: str, as_of: str = NOW, *, column: str = "label") -> str:
    """SQL of a value: the label believed of one payment, or its source; null without one. decision: SQL of its id."""
    return f"(SELECT believed.{column} FROM ({believed(f'label.decision_id = {decision}', as_of)}) AS believed)"  # noqa: S608


def just_before(moment: datetime) -> datetime:
    """As of this, what became known at the moment itself is not known yet."""
    return moment - _TICK


class Believed(Func):
    """The same in Django's queries: `label` or `source` of the payment with this id, as of a time; None: now."""

    def __init__(self, column: str = "label", *, as_of: datetime | None = None, decision: str = "pk") -> None:
        moments = () if as_of is None else (Value(as_of),)
        super().__init__(F(decision), *moments, output_field=CharField())
        self.column = column

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *more: Any, **context: Any) -> Any:
        (decision, named), *moments = [compiler.compile(part) for part in self.get_source_expressions()]
        as_of, at = moments[0] if moments else (NOW, ())
        return believed_of(decision, as_of, column=self.column), (*named, *at)


def newly_settled(since: str, until: str = NOW) -> str:
    """SQL of a condition on `label`: it came to count between two moments, though it was written before them."""
    parts = []
    for days, sources in _sources_by_days(settings.LABEL_SETTLE_DAYS).items():
        names = ", ".join(f"'{source}'" for source in sources)
        wait = f"interval '{days} days'"
        parts.append(
            f"(label.known_at > {since} - {wait} AND label.known_at <= {until} - {wait} AND label.source IN ({names}))"
        )
    return f"({' OR '.join(parts)})"


def _is_heard(as_of: str, settle_days: Mapping[str, int] | None) -> str:
    by_days = _sources_by_days(settings.LABEL_SETTLE_DAYS if settle_days is None else settle_days)
    late = {days: sources for days, sources in by_days.items() if days}
    if not late:
        return f"label.known_at <= {as_of}"
    whens = " ".join(
        f"WHEN label.source IN ({', '.join(map(repr, sources))}) THEN interval '{days} days'"
        for days, sources in late.items()
    )
    waits = f"CASE WHEN label.label = 'withdrawn' THEN interval '0' {whens} ELSE interval '0' END"
    return f"label.known_at + {waits} <= {as_of}"


def _sources_by_days(settle_days: Mapping[str, int]) -> dict[int, list[str]]:
    grouped: dict[int, list[str]] = {}
    for source in SOURCES_BY_WEIGHT:
        grouped.setdefault(settle_days.get(source.value, 0), []).append(source.value)
    return grouped
