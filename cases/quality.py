"""Puts counted verdicts and reviews together: agreement, accuracy and times of reviewers. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from cases.agreement import Kappa, Share, Times, cohens_kappa
from cases.models import Case, Check, Variant

T = TypeVar("T")
K = TypeVar("K")
_NONE = Share(0, 0)


@dataclass(frozen=True)
class FirstVerdicts:
    """First verdicts that are alike, and what came out about them since (`truth` empty: nothing)."""

    analyst: int
    typology: str
    verdict: str
    variant: str
    truth: str
    is_corrected: bool
    number: int
    times: Times

    @property
    def overturn(self) -> Share:
        """Of those that said fraud or legitimate: later somebody outside said otherwise, or an analyst did."""
        if self.verdict == Case.Verdict.INCONCLUSIVE:
            return _NONE
        is_wrong = self.is_corrected or self.truth not in {"", self.verdict}
        return Share(self.number if is_wrong else 0, self.number)

    @property
    def accuracy(self) -> Share:
        """Of those that said fraud or legitimate and whose truth came out."""
        if self.verdict == Case.Verdict.INCONCLUSIVE or not self.truth:
            return _NONE
        return Share(self.number if self.truth == self.verdict else 0, self.number)


@dataclass(frozen=True)
class Reviews:
    """Reviews that are alike: `first` gave the first verdict `expected` (of a known case: the truth)."""

    kind: str
    first: int | None
    analyst: int
    expected: str
    verdict: str
    variant: str
    number: int

    @property
    def speaks_of(self) -> int:
        """A second review tells of who gave the first verdict, a known case of who was tried on it."""
        return self.first if self.kind == Check.Kind.SECOND and self.first is not None else self.analyst

    @property
    def agreed(self) -> Share:
        return Share(self.number if self.verdict == self.expected else 0, self.number)


@dataclass
class Row:
    """One line of a table; what does not apply stays empty."""

    name: str
    verdicts: int = 0
    overturn: Share = _NONE
    accuracy: Share = _NONE
    agreement: Share = _NONE
    known: Share = _NONE
    times: Times = field(default_factory=Times)


@dataclass(frozen=True)
class PairCount:
    """How often the first said one thing and the second another (or the same)."""

    verdict: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Summary:
    """`by_typology` tells frauds by kind and the other verdicts; `pairs` first verdicts by second ones."""

    total: Row
    kappa: Kappa | None
    by_analyst: list[Row]
    by_typology: list[Row]
    by_variant: list[Row]
    pairs: list[PairCount]


def summarise(firsts: Sequence[FirstVerdicts], reviews: Sequence[Reviews], *, names: dict[int, str]) -> Summary:
    """Add up the same counts by analyst, by kind and by what was shown; `names` of people by id."""
    seconds = [one for one in reviews if one.kind == Check.Kind.SECOND]
    pairs: Counter[tuple[str, str]] = Counter()
    for one in seconds:
        pairs[one.expected, one.verdict] += one.number
    return Summary(
        total=_row("All", firsts, reviews),
        kappa=cohens_kappa(pairs),
        by_analyst=_by_analyst(firsts, reviews, names),
        by_typology=_by_typology(firsts),
        by_variant=_by_variant(firsts, reviews),
        pairs=_matrix(pairs),
    )


def _matrix(pairs: Counter[tuple[str, str]]) -> list[PairCount]:
    said = Case.Verdict.values
    return [PairCount(Case.Verdict(first).label, tuple(pairs[first, second] for second in said)) for first in said]


def _row(name: str, firsts: Iterable[FirstVerdicts], reviews: Iterable[Reviews]) -> Row:
    row = Row(name)
    for one in firsts:
        row.verdicts += one.number
        row.overturn += one.overturn
        row.accuracy += one.accuracy
        row.times += one.times
    for review in reviews:
        if review.kind == Check.Kind.SECOND:
            row.agreement += review.agreed
        else:
            row.known += review.agreed
    return row


def _by_analyst(firsts: Sequence[FirstVerdicts], reviews: Sequence[Reviews], names: dict[int, str]) -> list[Row]:
    verdicts = _grouped(firsts, lambda one: one.analyst)
    told = _grouped(reviews, lambda one: one.speaks_of)
    people = sorted(names.keys() & {*verdicts, *told}, key=lambda person: names[person])
    return [_row(names[person], verdicts[person], told[person]) for person in people]


def _by_typology(firsts: Sequence[FirstVerdicts]) -> list[Row]:
    groups = _grouped(firsts, lambda one: (one.verdict, one.typology))
    rows = [_row(_kind_words(*kind), groups[kind], []) for kind in groups]
    return sorted(rows, key=lambda row: -row.verdicts)


def _kind_words(verdict: str, typology: str) -> str:
    said = Case.Verdict(verdict).label
    if verdict != Case.Verdict.FRAUD:
        return said
    return f"{said}, {Case.Typology(typology).label.lower() if typology else 'no kind given'}"


def _by_variant(firsts: Sequence[FirstVerdicts], reviews: Sequence[Reviews]) -> list[Row]:
    verdicts, told = _grouped(firsts, lambda one: one.variant), _grouped(reviews, lambda one: one.variant)
    shown = [variant for variant in Variant if variant.value in {*verdicts, *told}]
    known = {variant: [one for one in told[variant.value] if one.kind == Check.Kind.KNOWN] for variant in shown}
    return [_row(variant.label, verdicts[variant.value], known[variant]) for variant in shown]


def _grouped(things: Iterable[T], key: Callable[[T], K]) -> defaultdict[K, list[T]]:
    groups: defaultdict[K, list[T]] = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return groups
