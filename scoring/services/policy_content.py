"""All that a policy version says, as values: read from its rows, compared, and carried over to another one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scoring.models import Policy, Rule
from scoring.services.policy import BandDraft, RuleDraft

# What can change by itself: ("thresholds",), ("points",), ("rule", code), ("band", currency, amount), ("list", name).
Part = tuple[str, ...]


@dataclass(frozen=True)
class Content:
    """Thresholds and points of review and decline, the rules, the bands, and what lists do by name."""

    review_threshold: float
    decline_threshold: float
    review_points: int
    decline_points: int
    rules: tuple[RuleDraft, ...] = ()
    bands: tuple[BandDraft, ...] = ()
    lists: Mapping[str, str] | None = None

    def parts(self) -> dict[Part, Any]:
        """Each part with its value; two contents say the same when these are equal."""
        return dict(self._parts())

    def _parts(self) -> Iterator[tuple[Part, Any]]:
        yield ("thresholds",), (self.review_threshold, self.decline_threshold)
        yield ("points",), (self.review_points, self.decline_points)
        for rule in self.rules:
            yield ("rule", rule.code), replace(rule, tags=tuple(rule.tags))
        for band in self.bands:
            yield ("band", band.currency, f"{band.from_amount.normalize():f}"), band
        for name, effect in (self.lists or {}).items():
            yield ("list", name), str(effect)


@dataclass(frozen=True)
class Change:
    """A part that is not the same: before and after, None where it is not there."""

    part: Part
    before: Any
    after: Any


def content_of(policy: Policy) -> Content:
    """What a version says; rules by code, bands by currency and amount."""
    return Content(
        review_threshold=policy.review_threshold,
        decline_threshold=policy.decline_threshold,
        review_points=policy.review_points,
        decline_points=policy.decline_points,
        rules=tuple(_draft(rule) for rule in policy.rules.select_related("owner").order_by("code")),
        bands=tuple(
            BandDraft(band.currency, band.from_amount, band.review_threshold, band.decline_threshold)
            for band in policy.bands.order_by("currency", "from_amount")
        ),
        lists=dict(policy.lists.order_by("list").values_list("list", "effect")),
    )


def changes_between(before: Content | None, after: Content) -> list[Change]:
    """What `after` says otherwise; all of it where there was nothing before."""
    old, new = before.parts() if before else {}, after.parts()
    return [Change(part, old.get(part), new.get(part)) for part in {**old, **new} if old.get(part) != new.get(part)]


def carry_over(*, base: Content | None, mine: Content, live: Content) -> tuple[Content, list[Part]]:
    """What is in force with the changes of `mine` since `base`, and the parts where both changed.

    Where both changed a part in different ways, what is in force stands.
    """
    merged, now, before = live.parts(), live.parts(), base.parts() if base else {}
    conflicts = []
    for change in changes_between(base, mine):
        if now.get(change.part) not in (before.get(change.part), change.after):
            conflicts.append(change.part)
        elif change.after is None:
            merged.pop(change.part, None)
        else:
            merged[change.part] = change.after
    return _of_parts(merged), conflicts


def name_of(part: Part) -> str:
    """A part in words: `rule large`, `band EUR from 100`."""
    kind, *names = part
    return f"{kind} {' from '.join(names)}".strip()


def changes_in_words(changes: list[Change], *, most: int = 500) -> str:
    """Which parts were added, taken out and changed; shortened to so many characters."""
    words = []
    for verb, chosen in (
        ("added", [change for change in changes if change.before is None]),
        ("changed", [change for change in changes if change.before is not None and change.after is not None]),
        ("took out", [change for change in changes if change.after is None]),
    ):
        if chosen:
            words.append(f"{verb} {', '.join(sorted(name_of(change.part) for change in chosen))}")
    text = "; ".join(words)
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def _draft(rule: Rule) -> RuleDraft:
    return RuleDraft(
        code=rule.code,
        expression=rule.expression,
        outcome=rule.outcome,
        words=rule.words,
        is_enabled=rule.is_enabled,
        name=rule.name,
        points=rule.points,
        reason_code=rule.reason_code,
        owner=rule.owner,
        tags=tuple(rule.tags),
        expires_at=rule.expires_at,
    )


def _of_parts(parts: Mapping[Part, Any]) -> Content:
    review, decline = parts["thresholds",]
    review_points, decline_points = parts["points",]
    return Content(
        review_threshold=review,
        decline_threshold=decline,
        review_points=review_points,
        decline_points=decline_points,
        rules=tuple(value for part, value in sorted(parts.items(), key=_place) if part[0] == "rule"),
        bands=tuple(sorted((value for part, value in parts.items() if part[0] == "band"), key=_of_band)),
        lists={part[1]: value for part, value in sorted(parts.items(), key=_place) if part[0] == "list"},
    )


def _place(item: tuple[Part, Any]) -> Part:
    return item[0]


def _of_band(band: BandDraft) -> tuple[str, Any]:
    return band.currency, band.from_amount
