"""The import: a file's payments through the engine in batches, its labels into the ledger, each once."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from django.db import transaction

from scoring.features.live import StateStore
from scoring.importing.formats import Row, Unreadable, columns_of, has_fixed_columns, read_rows
from scoring.importing.ledger import (
    NewLabels,
    PendingFrauds,
    as_pending,
    labels_due,
    mark_learnt,
    stored_transactions,
    unlearnt_frauds_of,
    write_statements,
)
from scoring.importing.mapping import FileMapping, check_columns
from scoring.importing.rejects import Rejects
from scoring.importing.rows import RowReader, Statement
from scoring.importing.runs import Step, runs_of
from scoring.models import Label
from scoring.services.decisions import Arrival, Writer, decide_transactions
from scoring.services.features import SettledWrites, settle_features
from scoring.services.labels import LABELS_WRITER, apply_labels
from scoring.services.locks import try_lock
from scoring.services.rebuild import restore_features
from scoring.transaction import InvalidTransactionError, Transaction

# So many rows and not one of them good: the mapping is wrong, not the data.
ROWS_TO_JUDGE_BY = 1_000
LABELS_AT_ONCE = 500
LONGEST_SOURCE = 128
CONFLICT = [{"field": "transaction_id", "message": "was decided before with other content"}]


class NothingValidError(Exception):
    """The first rows were all refused; the message is the first reason. Nothing was written."""


class ImportRunningError(Exception):
    """Another process imports from this source. Nothing was written."""


class ImportStoppedError(Exception):
    """Somebody asked to stop. What was counted is stored; the same import again goes on from there."""


@dataclass
class Counts:
    """What became of the rows so far."""

    rows: int = 0
    new: int = 0
    already_here: int = 0
    rejected: int = 0
    labels_new: int = 0


@dataclass(frozen=True)
class Options:
    """How to import. `started_at` is the time by which a payment or a label counts as of the future."""

    store: StateStore
    started_at: datetime
    batch_size: int
    progress: Callable[[Counts], None] = lambda counts: None
    # Told while the feature store is made again from the record, where it was lost: payments done, payments in all.
    restoring: Callable[[int, int], None] = lambda done, total: None
    is_stopped: Callable[[], bool] = lambda: False


class _Line(NamedTuple):
    """A good row."""

    number: int
    row: Row
    transaction: Transaction
    statement: Statement | None


def check_file(path: Path, mapping: FileMapping) -> None:
    """Compare a file with a mapping before anything is written.

    Raises:
        UnreadableFileError, MappingError: with the reason.
    """
    check_columns(mapping, columns_of(path), is_complete=has_fixed_columns(path))


def source_of(path: Path) -> str:
    """Name of a file in the record."""
    return f"file:{path.name}"[:LONGEST_SOURCE]


def import_file(path: Path, mapping: FileMapping, *, rejects: Rejects, options: Options) -> Counts:
    """Decide the payments of a file in its order and record its labels. Again changes nothing.

    A fraud is learnt by the features before the first payment that occurs when it is known.

    Raises:
        UnreadableFileError, NothingValidError, ImportRunningError, ImportStoppedError, LabelsAppliedElsewhereError,
        FeatureStoreError, OperationalError: batches before it are stored; the same import again goes on.
    """
    source = source_of(path)
    # Two at once would be correct in the record but teach frauds in the wrong order.
    with try_lock(source) as is_ours:
        if not is_ours:
            raise ImportRunningError
        restore_features(store=options.store, progress=options.restoring)
        settle_features(source, store=options.store)
        task = _Import(source, mapping, rejects, options)
        reader = RowReader(mapping, read_at=options.started_at)
        with closing(read_rows(path, mapping.wanted_columns)) as rows:
            while batch := list(islice(rows, options.batch_size)):
                task.take(_good_lines(batch, reader, rejects), len(batch))
                options.progress(task.counts)
                if options.is_stopped():
                    raise ImportStoppedError
        _learn_rest(source, options)
    return task.counts


def _good_lines(batch: Sequence[tuple[int, Row | Unreadable]], reader: RowReader, rejects: Rejects) -> list[_Line]:
    """The rows that are payments; the others go to `rejects`.

    Raises:
        NothingValidError: the file began with too many of those.
    """
    lines: list[_Line] = []
    for number, row in batch:
        if isinstance(row, Unreadable):
            rejects.add(number, [{"field": "", "message": row.reason}], row)
        else:
            try:
                lines.append(_Line(number, row, *reader.read(row)))
            except InvalidTransactionError as error:
                rejects.add(number, error.errors, row)
        if number == rejects.count == ROWS_TO_JUDGE_BY:
            raise NothingValidError(rejects.first)
    return lines


class _Import:
    """The state of one import: what was counted, the frauds not yet learnt."""

    def __init__(self, source: str, mapping: FileMapping, rejects: Rejects, options: Options) -> None:
        self.counts = Counts()
        self._source = source
        self._label_source = mapping.label.source if mapping.label is not None else ""
        self._rejects = rejects
        self._options = options
        self._settled = SettledWrites()
        # Read from the ledger when first needed, and again when statements on old payments came in.
        self._pending: PendingFrauds | None = None

    def take(self, lines: Sequence[_Line], row_count: int) -> None:
        """Store the good lines of a batch of rows."""
        stored = stored_transactions([line.transaction.transaction_id for line in lines])
        new: list[_Line] = []
        known: list[_Line] = []
        for line in lines:
            before = stored.get(line.transaction.transaction_id)
            if before is None:
                new.append(line)
            elif before == line.transaction:
                known.append(line)
            else:
                self._rejects.add(line.number, CONFLICT, line.row)
        self._state_again(known)
        for run in runs_of(map(_step, new), longest=self._options.batch_size):
            self._decide([step.item for step in run])
        self.counts.rows += row_count
        self.counts.rejected = self._rejects.count

    def _state_again(self, lines: Sequence[_Line]) -> None:
        """Take what is said about payments that are here already."""
        self.counts.already_here += len(lines)
        labels = self._write_statements(lines)
        self.counts.labels_new += labels.count
        if labels.fraud_ids:
            self._pending = None

    def _decide(self, lines: Sequence[_Line]) -> None:
        """One run: decisions, statements and frauds learnt are one database transaction."""
        pending = self._pending = self._pending or PendingFrauds(unlearnt_frauds_of(self._source))
        due = pending.pop_due(max(line.transaction.occurred_at for line in lines))
        arrivals = [self._arrival(line) for line in lines]
        labels = NewLabels()

        def finish(conflicts: list[Arrival]) -> None:
            nonlocal labels
            refused = {arrival.position for arrival in conflicts}
            told = [line for line, arrival in zip(lines, arrivals, strict=True) if arrival.position not in refused]
            labels = self._write_statements(told)
            mark_learnt(due)

        writer = Writer(
            self._source, self._options.store, has_effects=False, before_commit=finish, settled=self._settled
        )
        results = decide_transactions(arrivals, writer=writer, learnt=due)
        for line, result in zip(lines, results, strict=True):
            if result.decision is None:
                self._rejects.add(line.number, CONFLICT, line.row)
            self.counts.new += result.is_new
            self.counts.already_here += result.decision is not None and not result.is_new
        self.counts.labels_new += labels.count
        if not all(result.is_new for result in results):
            # A payment that stands twice in the file may be called fraud twice, and is to be learnt once.
            self._pending = None
        elif labels.fraud_ids:
            pending.add(as_pending(Label.objects.filter(id__in=labels.fraud_ids)))

    def _arrival(self, line: _Line) -> Arrival:
        return Arrival(line.transaction, line.transaction.occurred_at, self._source, str(line.number))

    def _write_statements(self, lines: Sequence[_Line]) -> NewLabels:
        said = [(line.transaction.transaction_id, line.statement) for line in lines if line.statement is not None]
        with transaction.atomic():
            return write_statements(said, source=self._label_source)


def _step(line: _Line) -> Step[_Line]:
    is_fraud = line.statement is not None and line.statement.label == "fraud"
    known_at = line.statement.known_at if line.statement is not None and is_fraud else None
    return Step(line, line.transaction.occurred_at, known_at)


def _learn_rest(source: str, options: Options) -> None:
    """Teach the frauds that are known by now but after the file's last payment."""
    rest = labels_due(source, at=options.started_at)
    for start in range(0, len(rest), LABELS_AT_ONCE):
        apply_labels(rest[start : start + LABELS_AT_ONCE])
    settle_features(LABELS_WRITER, store=options.store)
