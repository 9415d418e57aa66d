"""What the card, customer, device, address and merchant of a case's payment stand on."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from cases import list_effects
from cases.entity import COLUMNS, Entity
from cases.models import Case
from cases.sight import Sight
from scoring.models import Decision, ListEntry, NamedList, PolicyList, Rule
from scoring.models.lists import BLOCK
from scoring.queries_lists import Shapes, effect_in_force, effects_in_force, known_shapes, running, values_meeting
from scoring.rules.lists import SNOOZE

# Networks are looked for by an address, prefixes by a card.
_WIDER = {"ip": "ip", "card": "card_prefix"}


@dataclass(frozen=True)
class Standing:
    """Somebody in the payment, and the entries that their next payment would meet."""

    entity: Entity
    entries: list[ListEntry]

    @property
    def is_blocked(self) -> bool:
        return any(entry.list_id == BLOCK for entry in self.entries)


@dataclass(frozen=True)
class CaseLists:
    """What stands there, and what can be changed.

    rules: codes of those that the payment met, which can be snoozed. lists: those that can be chosen. block_warning:
    what a block does, where the policy in force does not decline for it.
    """

    standing: list[Standing]
    rules: list[str]
    lists: list[NamedList]
    block_warning: str

    @property
    def is_any(self) -> bool:
        return any(one.entries for one in self.standing)


def case_lists(headline: Decision, *, sight: Sight, now: datetime, may_list: bool) -> CaseLists:
    """For a case's payment; what is chosen from is read for who may choose only."""
    entities = entities_of(headline)
    found = entries_meeting(entities, now=now)
    standing = [Standing(entity, sight.leave_out_told(found[entity])) for entity in entities]
    return CaseLists(
        standing=standing,
        rules=_rules_met(headline) if may_list else [],
        lists=choosable_lists() if may_list else [],
        block_warning=_block_warning(),
    )


def is_of_case(case: Case, named: Entity) -> bool:
    """Say whether a payment of the case is theirs."""
    return Decision.objects.filter(alert__case=case, **{COLUMNS[named.kind]: named.name}).exists()


def entities_of(payment: Decision) -> list[Entity]:
    """Whom a list can name of it."""
    names = {kind: getattr(payment, column) for kind, column in COLUMNS.items()}
    return [Entity(kind, str(name)) for kind, name in names.items() if name]


def entries_meeting(entities: list[Entity], *, now: datetime) -> dict[Entity, list[ListEntry]]:
    """The running entries that payments of each would meet, networks and prefixes too, the block list first."""
    shapes = known_shapes()
    wanted = {entity: _values_of(entity, shapes) for entity in entities}
    met = Q()
    for entity, values in wanted.items():
        met |= Q(entity__in={entity.kind, _WIDER.get(entity.kind, entity.kind)}, value__in=values)
    entries = ListEntry.objects.filter(met, running(now)["now"]).select_related("author").order_by("-list", "id")
    rows = sorted(entries, key=lambda entry: entry.list_id != BLOCK) if entities else []
    return {
        entity: [
            entry for entry in rows if entry.value in values and entry.entity in {entity.kind, _WIDER.get(entity.kind)}
        ]
        for entity, values in wanted.items()
    }


def choosable_lists() -> list[NamedList]:
    """Lists that somebody puts values on by hand: all but snoozes. `effect` is what the policy in force does."""
    lists = NamedList.objects.exclude(name__startswith=SNOOZE).annotate(effect=effect_in_force("name"))
    return list(lists.order_by("name"))


def _block_warning() -> str:
    effects = effects_in_force()
    return "" if effects.get(BLOCK) == PolicyList.Effect.DECLINE else list_effects.does(BLOCK, effects)


def _values_of(entity: Entity, shapes: Shapes) -> list[str]:
    return values_meeting(entity.name, shapes) if entity.kind in _WIDER else [entity.list_value]


def _rules_met(payment: Decision) -> list[str]:
    met = set(payment.rule_hits)
    return sorted(set(Rule.objects.filter(code__in=met).values_list("code", flat=True))) if met else []
