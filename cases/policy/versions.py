"""What the pages of policy versions show."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404

from cases.policy.diff import Diff, diff_of
from cases.policy.steps import Offer, is_stale, offers_for
from scoring.models import Backtest, Policy, PolicyEvent
from scoring.services.policy_content import Content, content_of
from scoring.services.policy_guards import IN_WORK, live_version
from scoring.services.policy_versions import authors_of

_MOST_BEFORE, _MOST_EVENTS = 10, 30
_PEOPLE = ("created_by", "proposed_by", "published_by")


@dataclass(frozen=True)
class VersionsPage:
    """The version in force, those in work, those before it, and what happened last."""

    live: Policy | None
    content: Content | None
    in_work: Sequence[Policy]
    before: Sequence[Policy]
    events: Sequence[PolicyEvent]


@dataclass(frozen=True)
class VersionPage:
    """A version: what it says, what of that is otherwise than in `against`, what was done with it and what can be."""

    policy: Policy
    content: Content
    live: Policy | None
    against: Policy | None
    diff: Diff
    events: Sequence[PolicyEvent]
    offers: Sequence[Offer]
    is_stale: bool
    is_backtested: bool

    @property
    def proposal(self) -> PolicyEvent | None:
        """With which words it was proposed."""
        return next((event for event in self.events if event.action == PolicyEvent.Action.PROPOSED), None)


def versions_page() -> VersionsPage:
    """The page of all versions."""
    live = Policy.objects.select_related(*_PEOPLE).filter(status=Policy.Status.LIVE).first()
    in_work = Policy.objects.select_related(*_PEOPLE, "based_on").filter(status__in=IN_WORK).order_by("-version")
    before = Policy.objects.select_related(*_PEOPLE).filter(status=Policy.Status.RETIRED, published_at__isnull=False)
    return VersionsPage(
        live=live,
        content=content_of(live) if live else None,
        in_work=list(in_work),
        before=list(before.order_by("-retired_at", "-version")[:_MOST_BEFORE]),
        events=list(_events()[:_MOST_EVENTS]),
    )


def version_page(version: int, user: User) -> VersionPage:
    """The page of one version for a person.

    Raises:
        Http404: there is no such version.
    """
    policy = Policy.objects.select_related(*_PEOPLE, "based_on").filter(version=version).first()
    if policy is None:
        raise Http404("There is no such version of the policy.")
    live, content = live_version(), content_of(policy)
    against = policy.based_on if policy.status == Policy.Status.LIVE else live
    return VersionPage(
        policy=policy,
        content=content,
        live=live,
        against=against,
        diff=diff_of(content_of(against) if against else None, content),
        events=list(_events().filter(policy=policy)),
        offers=offers_for(policy, user, live=live, authors=authors_of(policy)),
        is_stale=is_stale(policy, live),
        is_backtested=_done_backtests(policy),
    )


def _events() -> QuerySet[PolicyEvent]:
    return PolicyEvent.objects.select_related("policy", "by").order_by("-happened_at", "-id")


def _done_backtests(policy: Policy) -> bool:
    """Whether a backtest of what the version says now has finished."""
    done = policy.backtests.filter(revision=policy.revision, status=Backtest.Status.DONE)
    return bool(done.exists())
