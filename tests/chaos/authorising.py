"""Experiments with the web process while payments are authorised: floods of one card and one id, parts taken away."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.db import connection

from cases.models import Case
from scoring.ml.training import train
from scoring.models import Decision, Rescoring
from scoring.queries import features_of
from scoring.services.models import TrainingPeriod, promote_model, store_model
from tests.chaos.calls import Calls, call
from tests.chaos.counting import Outcome, close_the_books
from tests.chaos.processes import kill_valkey
from tests.chaos.records import Sent, changed
from tests.chaos.stores import callers, issue_call_key, start_again
from tests.chaos.world import World
from tests.scoring.ml_data import make_dataset
from tests.scoring.payments import tampering

# The world's rule `busy` declines a card from its seventh payment within an hour on.
USUAL = 6


def attack_by_velocity(world: World, *, is_short: bool) -> Outcome:
    """One card, call after call, to two web processes in turn: each call sees all before it."""
    outcome = Outcome("one card attacks by velocity, through two web processes")
    cards = 2 if is_short else 50
    key, ports = issue_call_key(), [world.web(), world.web("web2")]
    sent: list[Sent] = []
    for number in range(cards):
        attack = _of_one_card(f"velocity-{number}", 20)
        for turn, one in enumerate(attack):
            answered = call(ports[turn % 2], key, [one])
            outcome.require(answered.statuses.keys() == {201}, f"answered {dict(answered.statuses)}")
        counts = [_seen(one) for one in attack]
        outcome.require(counts == list(range(20)), f"the calls of a card saw {counts} before them")
        sent += attack
    outcome.done |= {"cards": cards, "calls a card": 20}
    world.settle(len(sent))
    close_the_books(world, outcome, sent)
    return outcome


def send_one_id_at_once(world: World, *, is_short: bool) -> Outcome:
    """A thousand calls of the same payment at once, to two web processes: one decision, one content."""
    outcome = Outcome("the same payment a thousand times at once, to two web processes")
    rounds = 1 if is_short else 10
    key, ports = issue_call_key(), [world.web(), world.web("web2")]
    sent: list[Sent] = []
    statuses: Counter[int] = Counter()
    with ThreadPoolExecutor(40) as threads:
        for number in range(rounds):
            (one,) = _of_one_card(f"once-{number}", 1)
            answered = list(threads.map(lambda turn, one=one: call(ports[turn % 2], key, [one] * 25), range(40)))
            found = sum((calls.statuses for calls in answered), Counter[int]())
            contents = set().union(*(calls.contents for calls in answered))
            outcome.require(found[201] == 1, f"{found[201]} calls were told that theirs decided it")
            outcome.require(found.keys() <= {200, 201, 409}, f"answered {dict(found)}")
            outcome.require(len(contents) == 1, f"{len(contents)} different decisions were answered")
            statuses += found
            sent.append(one)
    outcome.done |= {f"answered {status}": count for status, count in sorted(statuses.items())}
    world.settle(len(sent))
    close_the_books(world, outcome, sent)
    return outcome


def kill_the_store_under_calls(world: World, *, is_short: bool) -> Outcome:
    """The features' Valkey is killed while cards pay, and comes back: what was let through is found and reviewed."""
    outcome = Outcome("feature store killed with -9 while payments are authorised, back with its log")
    cards = 3 if is_short else 100
    key, port = issue_call_key(), world.web()
    attacks = [_of_one_card(f"unseen-{number}", USUAL + 2) for number in range(cards)]
    before = call(port, key, [one for attack in attacks for one in attack[:USUAL]])
    kill_valkey(world.features)
    away = call(port, key, [one for attack in attacks for one in attack[USUAL:]])
    start_again(world)
    # The breaker closes by itself.
    after = _call_until(world, port, key, lambda calls: calls.degraded == 0)
    for calls in (before, away, after):
        outcome.require(calls.statuses.keys() == {201}, f"calls were answered with {dict(calls.statuses)}")
    outcome.require(before.degraded == 0, f"{before.degraded} calls had no features while the store was there")
    outcome.require(away.degraded == 2 * cards, f"{away.degraded} calls of {2 * cards} had no features")
    sent = [*before.recorded, *away.recorded, *after.recorded]
    world.settle(len(sent))
    # Not an earlier call: it may come before what was let through is counted.
    sent += _pay_once_more(world, outcome, port, key, attacks)
    world.settle(len(sent))
    degraded = Decision.objects.filter(id__gt=world.base, degraded__contains=["features"])
    rescored = Rescoring.objects.filter(decision__in=degraded)
    caught = rescored.filter(
        outcome="decline", decision__transaction_id__in=[one.transaction_id for one in away.recorded]
    )
    outcome.require(rescored.count() == degraded.count(), f"{rescored.count()} of {degraded.count()} were scored again")
    outcome.require(caught.count() == 2 * cards, f"{caught.count()} of {2 * cards} were found out")
    cases = Case.objects.filter(card_id__in=[attack[0].key for attack in attacks]).count()
    outcome.require(cases == cards, f"{cases} cases for {cards} cards")
    outcome.done |= {"calls": len(sent), "without features, scored again": degraded.count()}
    outcome.done["longest call while away in ms"] = round(away.longest * 1000)
    close_the_books(world, outcome, sent, only_own=True)
    return outcome


def _pay_once_more(world: World, outcome: Outcome, port: int, key: str, attacks: Sequence[list[Sent]]) -> list[Sent]:
    """Each attacked card pays again: what was let through while the store was away is in what it is decided with."""
    probes = [_by_the_card_of(attack, f"again-{number}") for number, attack in enumerate(attacks)]
    answered = call(port, key, probes)
    outcome.require(answered.statuses.keys() == {201}, f"calls were answered with {dict(answered.statuses)}")
    seen = [_seen(one) for one in probes]
    wanted = [float(len(attack)) for attack in attacks]
    outcome.require(seen == wanted, f"payments after the outage saw {seen} of their cards before them")
    return answered.recorded


def _by_the_card_of(attack: Sequence[Sent], name: str) -> Sent:
    (one,) = _of_one_card(name, 1)
    # Behind all of the attack.
    card, at = attack[0].key, datetime.now(UTC)
    fields = {"card_id": card, "customer_id": card, "occurred_at": at.isoformat()}
    return replace(changed(one, **fields), key=card, occurred_at=at)


def damage_the_model(world: World, *, is_short: bool) -> Outcome:
    """A model's file is damaged: who has it loaded goes on, who starts decides by rules, and another one mends it."""
    outcome = Outcome("model file damaged")
    calls = 5 if is_short else 200
    key = issue_call_key()
    good, other = _train(seed=1), _train(seed=2)
    promote_model(good)
    running = world.web()
    answered = [call(running, key, _strangers("whole", calls))]
    _damage(good)
    answered.append(call(running, key, _strangers("kept", calls)))
    fresh = world.web("web2")
    refused = call(fresh, key, _strangers("refused", calls))
    promote_model(other)
    after = _call_until(world, fresh, key, lambda calls: _versions(calls) == {other})
    outcome.require(
        all(_versions(one) == {good} for one in answered), "a process that had the model did not go on with it"
    )
    outcome.require(_versions(refused) == {""}, "a damaged model decided")
    recorded = Decision.objects.filter(id__gt=world.base)
    world.wait(lambda: _rescored(refused), what="what rules decided is scored again")
    # The task worker had the good one loaded, and may have been first.
    outcome.require(_rescored(refused) <= {good, other}, "what rules decided was scored again without a model")
    sent = [*answered[0].recorded, *answered[1].recorded, *refused.recorded, *after.recorded]
    outcome.done |= {"calls": recorded.count(), "by rules alone, scored again": calls}
    world.settle(len(sent))
    close_the_books(world, outcome, sent, only_own=True)
    return outcome


def _strangers(name: str, count: int) -> list[Sent]:
    """Payments of a card each, so that it does not matter which was counted first."""
    return [
        replace(changed(one, card_id=one.transaction_id, customer_id=one.transaction_id), key=one.transaction_id)
        for one in callers(name, count)
    ]


def _of_one_card(name: str, count: int) -> list[Sent]:
    """Payments of a card of this name, small and within a minute, so that only their number is remarkable."""
    start = datetime.now(UTC) - timedelta(minutes=1)
    made = []
    for number, one in enumerate(callers(name, count)):
        at = start + timedelta(seconds=number)
        fields = {"card_id": name, "customer_id": name, "amount": "12.50", "occurred_at": at.isoformat()}
        made.append(replace(changed(one, **fields), key=name, occurred_at=at))
    return made


def _seen(one: Sent) -> float | None:
    return features_of(Decision.objects.get(transaction_id=one.transaction_id))["card_count_1h"]


def _call_until(world: World, port: int, key: str, is_well: Callable[[Calls], bool]) -> Calls:
    """Call after call until one is answered well; all of them."""
    probes = iter(_strangers("back", 2_000))
    all_calls = Calls()

    def answers_well() -> bool:
        answered = call(port, key, [next(probes)])
        all_calls.add(answered)
        return is_well(answered)

    world.wait(answers_well, what="a call is answered well")
    return all_calls


def _train(*, seed: int) -> str:
    start = datetime.now(UTC) - timedelta(days=30)
    period = TrainingPeriod(start, start + timedelta(days=20), start + timedelta(days=21), timedelta(days=1))
    return store_model(train(make_dataset(seed=seed), seed=seed), period).version


def _damage(version: str) -> None:
    with tampering(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scoring_modelversion SET artefact = set_byte(artefact, 100, get_byte(artefact, 100) # 255)"
            " WHERE version = %s",
            [version],
        )
        assert cursor.rowcount == 1


def _versions(answered: Calls) -> set[str]:
    names = [one.transaction_id for one in answered.recorded]
    return set(Decision.objects.filter(transaction_id__in=names).values_list("model_version", flat=True))


def _rescored(answered: Calls) -> set[str]:
    names = [one.transaction_id for one in answered.recorded]
    found = Rescoring.objects.filter(decision__transaction_id__in=names)
    return set(found.values_list("model_version", flat=True)) if found.count() == len(names) else set()
