"""What a policy asks for beside score and outcome of rules: points, bands, effects of lists, snoozes, failures."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from scoring.decisioning import Band, Decided, PolicyInForce, decide
from scoring.features.definitions import NAMES
from scoring.rules.evaluation import LOOKS_PER_PAYMENT, Batch, CompiledRule, ask_rules
from scoring.rules.language import Condition, compile_condition
from scoring.rules.lists import ListHit
from tests.factories import NOON
from tests.scoring.ml_data import make_vector
from tests.scoring.payments import AmountModel, make_payment

EFFECTS = {"block": "decline", "allow": "approve", "watched": "review"}


def rule(code, expression="amount > 0", outcome="", **options):
    return CompiledRule(code, compile_condition(expression), outcome, f"{code} of {{merchant_country}}", **options)


def broken(outcome="decline"):
    """Fails for payments in US dollars."""

    def holds(columns):
        if columns.codes_of(["USD"])[0] in columns.read("currency"):
            raise FloatingPointError
        return columns.read("amount") > 1000

    return CompiledRule("broken", Condition(holds, frozenset({"currency"})), outcome, "Broken")


def policy_of(*rules, **options) -> PolicyInForce:
    return PolicyInForce(**{"version": 1, "review_threshold": 0.5, "decline_threshold": 0.9, "rules": rules,
                            "lists": EFFECTS} | options)  # fmt: skip


def decided(policy, *, listed=(), model=None, at=NOON, **payment) -> Decided:
    sent = make_payment(**payment)
    vectors = np.array([make_vector(amount=float(sent.amount))])
    (one,) = decide([sent], vectors, model=model, policy=policy, listed={0: listed} if listed else {}, at=[at])
    return one


@pytest.mark.parametrize(
    ("points", "outcome"),
    [((60,), "approve"), ((60, 40), "review"), ((150, 50), "decline"), ((60, 60, -40), "approve")],
)
def test_points_of_rules_add_up_to_an_outcome(points, outcome):
    rules = [rule(f"r{number}", points=one) for number, one in enumerate(points)]

    one = decided(policy_of(*rules))

    assert one.outcome == outcome
    assert one.rule_hits == [rule.code for rule in rules]


def test_the_sum_of_points_is_among_the_reasons():
    one = decided(policy_of(rule("half", points=60), rule("rest", points=50)))

    assert one.reasons[-1].words == "Rules add up to 110 points, 100 is the limit"


def test_the_severest_of_points_and_outcomes_wins():
    assert decided(policy_of(rule("much", points=150), rule("stop", outcome="decline"))).outcome == "decline"


@pytest.mark.parametrize(
    ("amount", "currency", "outcome"),
    [("30", "EUR", "approve"), ("100", "EUR", "review"), ("500", "EUR", "decline"), ("499.99", "EUR", "review"),
     ("500", "USD", "approve")],
)  # fmt: skip
def test_a_payment_has_the_thresholds_of_its_band(amount, currency, outcome):
    class Constant(AmountModel):
        def score(self, vectors):
            return np.full(len(vectors), 0.3)

    bands = (Band("EUR", Decimal(100), 0.2, 0.6), Band("EUR", Decimal(500), 0.1, 0.3))

    one = decided(policy_of(bands=bands), model=Constant(), amount=Decimal(amount), currency=currency)

    assert one.outcome == outcome


@pytest.mark.parametrize(
    ("names", "outcome"),
    [(["watched"], "review"), (["unknown"], "approve"), (["watched", "block"], "decline"),
     (["allow", "watched"], "approve"), (["allow", "block"], "decline")],
)  # fmt: skip
def test_the_version_says_what_a_list_does(names, outcome):
    one = decided(policy_of(), listed=[ListHit(name, "device", "d-1", "because") for name in names])

    assert one.outcome == outcome
    assert one.rule_hits == [f"{name}_list:device" for name in names if name in EFFECTS]


def test_a_snoozed_rule_does_not_hit_and_the_others_do():
    snooze = ListHit("snooze:quiet", "card", "card-1", "knows")

    one = decided(policy_of(rule("quiet", outcome="decline"), rule("loud", outcome="review")), listed=[snooze])

    assert (one.outcome, one.rule_hits) == ("review", ["loud"])


@pytest.mark.parametrize(("before", "hits"), [(timedelta(seconds=1), ["ends"]), (timedelta(0), [])])
def test_a_rule_hits_until_it_expires(before, hits):
    policy = policy_of(rule("ends", outcome="review", expires_at=NOON))

    assert decided(policy, at=NOON - before).rule_hits == hits


def test_a_rule_that_fails_asks_for_a_review_and_says_so():
    one = decided(policy_of(broken()), currency="USD")

    assert (one.outcome, one.rule_hits, one.rule_failures) == ("review", [], ["broken"])
    assert "could not be computed" in one.reasons[0].words


def test_a_failed_rule_fails_for_the_payments_it_fails_on_only():
    sent = [make_payment(currency="USD" if number == 5 else "EUR", amount=Decimal(900 + 50 * number))
            for number in range(9)]  # fmt: skip
    vectors = np.array([make_vector(amount=float(one.amount)) for one in sent])

    found = decide(sent, vectors, model=None, policy=policy_of(broken()), listed={}, at=[NOON] * 9)

    assert [one.outcome for one in found] == ["approve"] * 3 + ["decline"] * 2 + ["review"] + ["decline"] * 3
    assert [number for number, one in enumerate(found) if one.rule_failures] == [5]


def test_a_rule_that_fails_for_all_payments_is_one_line_of_the_log(caplog):
    sent = [make_payment(currency="USD") for _ in range(40)]
    vectors = np.array([make_vector()] * 40)

    found = decide(sent, vectors, model=None, policy=policy_of(broken()), listed={}, at=[NOON] * 40)

    assert all(one.rule_failures == ["broken"] for one in found)
    (line,) = caplog.messages
    assert line == f"rule broken could not be computed for 40 of 40 payments, {sent[0].transaction_id} the first"


def test_a_hundred_broken_rules_are_failed_in_a_bounded_number_of_looks():
    looks = []

    def holds(columns):
        looks.append(len(columns))
        raise FloatingPointError

    failing = [CompiledRule(f"b{number}", Condition(holds, frozenset()), "", "x", points=1) for number in range(100)]
    payments = [make_payment() for _ in range(64)]
    batch = Batch(payments, np.zeros((64, len(NAMES)), np.float32), None, listed={}, at=[NOON] * 64)

    asked = ask_rules([*failing, rule("good")], batch)

    assert asked.failed[:, :-1].all()
    assert not asked.failed[:, -1].any()
    assert asked.hits[:, -1].all()
    assert len(looks) <= len(failing) + (LOOKS_PER_PAYMENT + 1) * len(payments)


def test_rules_that_fail_for_different_payments_are_told_apart():
    payments = [make_payment(currency=currency) for currency in ("EUR", "USD", "EUR", "GBP", "EUR", "USD", "EUR")]

    def failing_for(code):
        def holds(columns):
            if columns.codes_of([code])[0] in columns.read("currency"):
                raise FloatingPointError
            return columns.read("amount") > 0

        return CompiledRule(code, Condition(holds, frozenset({"currency"})), "", code, points=1)

    rules = [failing_for(code) for code in ("USD", "GBP", "CHF")]
    batch = Batch(payments, np.zeros((7, len(NAMES)), np.float32), None, listed={}, at=[NOON] * 7)

    asked = ask_rules(rules, batch)

    assert np.argwhere(asked.failed).tolist() == [[1, 0], [3, 1], [5, 0]]
    assert (asked.hits == ~asked.failed).all()


def test_an_allow_list_and_a_snooze_silence_a_failed_rule():
    allowed = decided(policy_of(broken()), currency="USD", listed=[ListHit("allow", "card", "card-1", "ours")])
    snoozed = decided(policy_of(broken()), currency="USD", listed=[ListHit("snooze:broken", "card", "card-1", "known")])

    assert (allowed.outcome, allowed.rule_failures) == ("approve", ["broken"])
    assert (snoozed.outcome, snoozed.rule_failures) == ("approve", [])


def test_words_name_the_payment_and_a_reason_has_its_own_code():
    one = decided(policy_of(rule("far", outcome="review", reason_code="geography")))

    assert (one.reasons[0].code, one.reasons[0].words) == ("geography", "far of FR")


def test_of_many_rules_met_the_severest_are_told_in_words_and_all_by_code():
    rules = [rule(f"r{number:02}", outcome="decline" if number == 29 else "review") for number in range(30)]

    one = decided(policy_of(*rules))

    assert one.rule_hits == [rule.code for rule in rules]
    assert [reason.code for reason in one.reasons] == [*(f"r{n:02}" for n in range(19)), "r29", "rules"]
    assert one.reasons[-1].words == "Rules beside these, met or not computed: 10"


def test_what_a_payment_says_is_never_read_as_a_placeholder():
    one = decided(
        policy_of(CompiledRule("r", compile_condition("amount > 0"), "review", "At {merchant_name}, {amount}")),
        merchant_name="<b>{amount}{card_id}%s{0}",
        amount=Decimal("12.50"),
    )

    assert one.reasons[0].words == "At <b>{amount}{card_id}%s{0}, 12.50 EUR"
