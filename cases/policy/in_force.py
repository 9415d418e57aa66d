"""What is in force: the rules of the live version, the lists that do something, and since when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from scoring.models import Policy, PolicyEvent, PolicyList, Rule

_BEGAN = (PolicyEvent.Action.PUBLISHED, PolicyEvent.Action.ROLLED_BACK)
# Versions before this one; a rule that stands in all of them has always been there, for what is asked here.
_MOST_VERSIONS = 200
OF_LIST = "_list:"


@dataclass(frozen=True)
class InForce:
    """The live version with its rules by code, and the effects of lists by name; without one, nothing."""

    policy: Policy | None
    rules: dict[str, Rule]
    lists: dict[str, str]

    def is_asked(self, code: str, *, at: datetime) -> bool:
        """Whether payments can meet it: an enabled rule that has not expired, a list that does something."""
        rule = self.rules.get(code)
        if rule is not None:
            return rule.is_enabled and (rule.expires_at is None or rule.expires_at > at)
        return list_of(code) in self.lists


def list_of(code: str) -> str:
    """Name of the list that decisions call `<name>_list:<entity>`; empty for the code of a rule."""
    name, mark, _ = code.rpartition(OF_LIST)
    return name if mark else ""


def title_of(code: str) -> str:
    """`block list: card`; a rule is called by its code."""
    name, mark, entity = code.rpartition(OF_LIST)
    return f"{name} list: {entity}" if mark else code


def what_is_in_force() -> InForce:
    """Three queries."""
    policy = Policy.objects.filter(status=Policy.Status.LIVE).first()
    if policy is None:
        return InForce(None, {}, {})
    rules = {rule.code: rule for rule in policy.rules.select_related("owner").order_by("code")}
    return InForce(policy, rules, dict(policy.lists.order_by("list").values_list("list", "effect")))


def began(found: InForce, *, after: datetime) -> dict[str, datetime]:
    """Since when each enabled rule and each list (by name) is in force without a break, where that was `after`.

    What is not named has been in force for longer, or from the first version on.
    """
    events = list(
        PolicyEvent.objects.filter(action__in=_BEGAN)
        .order_by("-happened_at", "-id")
        .values_list("happened_at", "policy_id")[:_MOST_VERSIONS]
    )
    contents = _contents({policy_id for _, policy_id in events})
    remaining = {code for code, rule in found.rules.items() if rule.is_enabled} | set(found.lists)
    since: dict[str, datetime] = {}
    for (at, _), (_, former) in zip(events, events[1:], strict=False):
        if at <= after:
            break
        kept = remaining & contents.get(former, set())
        since.update(dict.fromkeys(remaining - kept, at))
        remaining = kept
    return since


def _contents(policy_ids: Iterable[int]) -> dict[int, set[str]]:
    """Codes of enabled rules and names of lists of each version."""
    found: dict[int, set[str]] = {policy_id: set() for policy_id in policy_ids}
    rules = Rule.objects.filter(policy_id__in=found, is_enabled=True).values_list("policy_id", "code")
    lists = PolicyList.objects.filter(policy_id__in=found).values_list("policy_id", "list")
    for policy_id, name in (*rules.iterator(), *lists.iterator()):
        found[policy_id].add(name)
    return found
