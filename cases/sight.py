"""What one person is not to see: scores before their verdict, and what was said of a case they review blind. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from cases import chance
from cases.models import Case, Display, Variant
from scoring.models import Decision, ListChange, ListEntry

_UNDECIDED = (Case.Status.OPEN, Case.Status.APPROVAL)
_UNSAID = {"label": "", "label_source": "", "case_status": Case.Status.OPEN.value, "case_verdict": ""}
_Listed = TypeVar("_Listed", ListEntry, ListChange)


@dataclass(frozen=True)
class Sight:
    """`blind` are the cases the person reviews a second time just now; of `unsettled` the verdict can be undone."""

    user_id: int
    display: str = Display.NEVER_HIDDEN.value
    data_first_share: float = 0.0
    salt: str = ""
    blind: Collection[UUID] = frozenset()
    unsettled: Collection[UUID] = frozenset()

    def variant_of(self, case_id: UUID) -> Variant:
        """Of the same case and person always the same, so that a reload shows nothing new."""
        if self.display == Display.AT_RANDOM:
            is_hidden = chance.fraction(self.salt, "display", case_id, self.user_id) < self.data_first_share
        else:
            is_hidden = self.display == Display.ALWAYS_HIDDEN
        return Variant.DATA_FIRST if is_hidden else Variant.SCORE_FIRST

    def hides_score(self, case_id: UUID | None, status: str) -> bool:
        """Say whether the score of a case, or of a payment in it, waits for the verdict.

        Who saw it while the verdict can be undone could say another one by it.
        """
        if case_id is None or self.display == Display.NEVER_HIDDEN:
            return False
        is_open = status in _UNDECIDED or case_id in self.blind or case_id in self.unsettled
        return is_open and self.variant_of(case_id) == Variant.DATA_FIRST

    def is_blind_to(self, case_id: UUID | None) -> bool:
        return case_id is not None and case_id in self.blind

    def hides_entry(self, case_id: UUID) -> bool:
        """Say whether the live feed is silent about the score: it does not know which cases are decided by now."""
        return self.variant_of(case_id) == Variant.DATA_FIRST

    def leave_out_told(self, entries: Iterable[_Listed]) -> list[_Listed]:
        """Without what was put on a list, or taken off, by the verdict on a case under blind review."""
        ids = [str(case_id) for case_id in self.blind]
        return [entry for entry in entries if not any(case_id in entry.reason for case_id in ids)]

    def mask_payments(self, payments: Iterable[Decision]) -> None:
        """Take away what was said of payments under blind review: they look as undecided as they were."""
        for payment in payments:
            if self.is_blind_to(payment.case_id):  # type: ignore[attr-defined]
                for name, value in _UNSAID.items():
                    setattr(payment, name, value)

    def mask_rows(self, rows: Iterable[dict[str, Any]]) -> None:
        """The same of payments as dictionaries."""
        for row in rows:
            if self.is_blind_to(row["case_id"] or None):
                row.update(_UNSAID)

    def mask_cases(self, cases: Iterable[Case]) -> None:
        """The same of cases, which are not saved."""
        for case in cases:
            if self.is_blind_to(case.id):
                case.status, case.verdict, case.typology = Case.Status.OPEN, "", ""
