"""Every row of the feature table, computed live, equals its plain reading."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.features.definitions import FEATURES, INDEX, NAMES, SEEN_SIZES, Op
from scoring.features.events import Event, FraudKnown, Payment
from scoring.features.layout import ORDERED
from scoring.features.live import MemoryStore, request_only_vectors
from tests.factories import DAY, HOUR, MINUTE, NOON
from tests.scoring.histories import MIDNIGHT, Step, history_of, live_vectors, steps
from tests.scoring.payments import make_payment
from tests.scoring.reference import reference_vector

EXACT_UNITS = {"payments", "flag", "hour", "entities", "days"}
DECAYED = {Op.DECAYED_COUNT, Op.DECAYED_AMOUNT, Op.DECAYED_FRAUDS, Op.DECAYED_DEVIATION, Op.DECAYED_HIGH}
IS_EXACT = np.array([row.unit in EXACT_UNITS and row.op not in DECAYED for row in FEATURES])


def reference_vectors(events: Sequence[Event]) -> np.ndarray:
    rows = [reference_vector(events[:i], event) for i, event in enumerate(events) if isinstance(event, Payment)]
    return np.array(rows, np.float64).reshape(-1, len(NAMES))


def assert_equal(live: np.ndarray, wanted: np.ndarray) -> None:
    for column, name in enumerate(NAMES):
        if IS_EXACT[column]:
            np.testing.assert_array_equal(live[:, column], wanted[:, column].astype(np.float32), err_msg=name)
        else:
            # The last digit of a cancelling difference is below one millionth of the largest amounts.
            np.testing.assert_allclose(live[:, column], wanted[:, column], rtol=1e-6, atol=1e-6, err_msg=name)


@settings(max_examples=120, deadline=None)
@given(steps())
def test_every_row_equals_the_reference_on_histories_in_order(chosen):
    events = history_of(chosen)

    assert_equal(live_vectors(events), reference_vectors(events))


@settings(max_examples=120, deadline=None)
@given(steps(late=[0, 0, 0, 1, 300, 3600, 4000, 86400, 90000, 864000, 3456000]))
def test_late_events_count_in_their_tile_while_it_is_kept(chosen):
    events = history_of(chosen)

    assert_equal(live_vectors(events), reference_vectors(events))


@settings(max_examples=60, deadline=None)
@given(steps(late=[0, 0, 300, 90000]), st.lists(st.integers(1, 40), max_size=8))
def test_batches_may_end_anywhere(chosen, cuts):
    events = history_of(chosen)
    one_by_one, whole, cut = MemoryStore(), MemoryStore(), MemoryStore()

    single = live_vectors(events, cuts=range(len(events)), store=one_by_one)

    assert single.tobytes() == live_vectors(events, store=whole).tobytes()
    assert single.tobytes() == live_vectors(events, cuts=cuts, store=cut).tobytes()
    assert _without_write_counts(one_by_one) == _without_write_counts(whole) == _without_write_counts(cut)


def _without_write_counts(store: MemoryStore) -> dict[str, bytes]:
    return {key: state[8:] for key, state in store.states.items()}


@settings(max_examples=60, deadline=None)
@given(steps(late=[0, 0, 300, 90000]), st.integers(0, 40))
def test_the_future_has_no_effect(chosen, length):
    events = history_of(chosen)
    prefix = events[:length]

    payments = sum(isinstance(event, Payment) for event in prefix)

    assert live_vectors(prefix).tobytes() == live_vectors(events)[:payments].tobytes()


def test_a_long_history_in_batches_of_one_and_of_five_hundred_is_the_same():
    chance = np.random.default_rng(7)
    events = history_of(
        [
            Step(
                gap=int(chance.integers(0, 900)), late=int(chance.choice([0, 0, 0, 4000])),
                card=int(chance.integers(3)), merchant=int(chance.integers(30)), device=int(chance.integers(9)),
                customer=int(chance.integers(2)), address=f"192.0.2.{chance.integers(3)}", place=None,
                cents=int(chance.integers(1, 90000)), is_label=bool(chance.random() < 0.05),
                is_declined=bool(chance.random() < 0.3), country="FR",
            )
            for _ in range(1100)
        ]
    )  # fmt: skip

    single = live_vectors(events, cuts=range(len(events)))

    assert single.tobytes() == live_vectors(events, cuts=[500, 1000]).tobytes()
    tail = events[:700]
    assert_equal(live_vectors(tail)[-20:], reference_vectors(tail)[-20:])


WINDOWS = [row for row in FEATURES if row.op == Op.COUNT and row.entity == "card" and not row.by_arrival]


@pytest.mark.parametrize("row", WINDOWS, ids=[row.name for row in WINDOWS])
@pytest.mark.parametrize(("seconds_before_the_edge", "counted"), [(0, 1.0), (1, 0.0), (-1, 1.0)])
def test_the_tail_of_a_window_is_rounded_down_to_its_hop(row, seconds_before_the_edge, counted):
    hop = 300 if row.window <= 3600 else 3600 if row.window <= 86400 else 86400
    # The payment stands just before the next hop: the tail reaches back to a whole hop before the window.
    later = MIDNIGHT + timedelta(seconds=hop - 1)
    edge = MIDNIGHT - timedelta(seconds=row.window)
    earlier = edge - timedelta(seconds=seconds_before_the_edge)

    vectors = live_vectors([Payment(make_payment(occurred_at=at), at) for at in (earlier, later)])

    assert vectors[1, INDEX[row.name]] == counted


@pytest.mark.parametrize(("name", "hop", "tiles"), [
    ("card_count_1h", 300, 13), ("card_count_24h", 3600, 25), ("card_count_30d", 86400, 31),
])  # fmt: skip
@pytest.mark.parametrize(("beyond", "counted"), [(0, 2.0), (1, 1.0)])
def test_a_payment_a_whole_ring_late_counts_nowhere(name, hop, tiles, beyond, counted):
    late = MIDNIGHT - timedelta(seconds=hop * (tiles - 1 + beyond))

    vectors = live_vectors([Payment(make_payment(occurred_at=at), MIDNIGHT) for at in (MIDNIGHT, late, MIDNIGHT)])

    assert vectors[2, INDEX[name]] == counted


def test_a_payment_does_not_count_itself_but_one_at_the_same_instant_counts_those_before():
    events = [Payment(make_payment(), NOON) for _ in range(3)]

    vectors = live_vectors(events)

    assert vectors[:, INDEX["card_count_5m"]].tolist() == [0.0, 1.0, 2.0]


def test_arrivals_are_counted_by_when_they_reached_us_whatever_they_claim():
    claims = [NOON - DAY * day for day in (30, 20, 10)]

    vectors = live_vectors([Payment(make_payment(occurred_at=at), NOON) for at in claims])

    assert vectors[:, INDEX["card_count_1h"]].tolist() == [0.0, 0.0, 0.0]
    assert vectors[:, INDEX["card_arrivals_1h"]].tolist() == [0.0, 1.0, 2.0]


def test_a_fraud_counts_from_when_it_became_known():
    events: list[Event] = [
        Payment(make_payment(), NOON),
        FraudKnown(card_id="card-1", merchant_id="m-1", device_id="d-1", amount=Decimal(20), known_at=NOON + DAY),
        Payment(make_payment(occurred_at=NOON + DAY + MINUTE), NOON + DAY + MINUTE),
    ]

    before, after = live_vectors(events)

    assert before[INDEX["merchant_fraud_rate_7d"]] != before[INDEX["merchant_fraud_rate_7d"]]
    assert np.isnan(before[INDEX["merchant_since_fraud"]])
    assert after[INDEX["merchant_fraud_rate_7d"]] == 1.0
    assert after[INDEX["device_frauds_30d"]] == after[INDEX["card_frauds_30d"]] == 1.0
    assert after[INDEX["merchant_since_fraud"]] == 60.0


def test_the_least_recently_seen_device_is_forgotten_first():
    size = SEEN_SIZES["card", "device"]
    devices = [f"d-{i}" for i in range(size)] + ["d-0", "d-new", "d-0", "d-1"]
    events = [
        Payment(make_payment(device_id=name, occurred_at=NOON + HOUR * i), NOON + HOUR * i)
        for i, name in enumerate(devices)
    ]

    is_new = live_vectors(events)[:, INDEX["card_is_new_device"]].tolist()

    assert is_new == [1.0] * size + [0.0, 1.0, 0.0, 1.0]


def test_without_a_device_its_features_are_missing_and_nothing_of_another_payment():
    events = [Payment(make_payment(device_id=None), NOON) for _ in range(2)]

    vectors = live_vectors(events)

    rows = [INDEX[row.name] for row in FEATURES if row.entity == "device" or row.of == "device"]
    assert np.isnan(vectors[:, rows]).all()


def test_without_a_store_a_payment_still_says_what_it_says_by_itself():
    (vector,) = request_only_vectors([Payment(make_payment(amount=Decimal("19.99")), NOON)])

    own = [row.entity == "payment" for row in FEATURES]
    assert vector[INDEX["amount"]] == np.float32(19.99)
    assert not np.isnan(vector[own]).any()
    assert np.isnan(vector[~np.array(own)]).all()


def test_a_fraud_rate_is_never_more_than_all_payments():
    label = FraudKnown(
        card_id="card-1", merchant_id="m-1", device_id="d-1", amount=Decimal(20), known_at=NOON + DAY * 40
    )
    later = NOON + DAY * 41
    events: list[Event] = [Payment(make_payment(), NOON), label, label, Payment(make_payment(occurred_at=later), later)]

    vector = live_vectors(events)[-1]

    assert vector[INDEX["merchant_fraud_rate_30d"]] == vector[INDEX["device_fraud_rate_30d"]] == 1.0
    assert vector[INDEX["device_frauds_30d"]] == 2.0


def fraud_known(at: datetime, amount: int = 20) -> FraudKnown:
    return FraudKnown(card_id="card-1", merchant_id="m-1", amount=Decimal(amount), known_at=at)


def paid(at: datetime, amount: int = 20) -> Payment:
    return Payment(make_payment(occurred_at=at, amount=Decimal(amount)), at)


def test_a_late_fraud_rate_holds_frauds_against_the_payments_of_a_week_before():
    week_ago = [paid(NOON + MINUTE * i) for i in range(4)]
    since = [paid(NOON + DAY * 4 + MINUTE * i) for i in range(5)]

    vector = live_vectors([*week_ago, *since, fraud_known(NOON + DAY * 7), paid(NOON + DAY * 7 + HOUR)])[-1]

    assert vector[INDEX["merchant_late_fraud_rate_3d"]] == np.float32(1 / 4)
    assert vector[INDEX["merchant_fraud_rate_7d"]] == np.float32(1 / 9)


def test_a_shop_s_run_of_frauds_has_a_first_day_a_number_of_days_and_an_average_amount():
    frauds = [fraud_known(NOON - DAY * 8, 50), fraud_known(NOON - DAY, 20), fraud_known(NOON - DAY, 20)]

    vector = live_vectors([*frauds, paid(NOON)])[-1]

    assert vector[INDEX["merchant_since_first_fraud_30d"]] == (DAY * 8 + HOUR * 12).total_seconds()
    assert vector[INDEX["merchant_fraud_days_30d"]] == 2.0
    # The older one weighs half as much as each of the others.
    assert vector[INDEX["merchant_fraud_amount_7d"]] == pytest.approx((50 / 2 + 20 + 20) / 2.5)


def test_payments_far_above_the_usual_amount_are_remembered_and_those_of_a_new_card_are_not():
    amounts = [100, 10, 10, 31, 30]
    events = [paid(NOON + MINUTE * i, amount) for i, amount in enumerate(amounts)]

    high = live_vectors([*events, paid(NOON + MINUTE * 3 + DAY, 10)])[:, INDEX["card_decayed_high_1d"]]

    assert high[:4].tolist() == [0.0, 0.0, 0.0, 0.0]
    assert high[5] == 0.5


def test_one_line_of_ipv6_is_one_address():
    addresses = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "192.0.2.7", "::ffff:192.0.2.7"]

    vectors = live_vectors([Payment(make_payment(ip_address=one), NOON) for one in addresses])

    assert vectors[:, INDEX["ip_count_1h"]].tolist() == [0.0, 1.0, 0.0, 0.0, 1.0]


def test_a_card_has_its_times_of_day_and_kinds_of_day():
    friday = [NOON + HOUR * hour for hour in (0, 2, 3, 11)]
    events = [Payment(make_payment(occurred_at=at), at) for at in [*friday, NOON + HOUR * 13]]

    vector = live_vectors(events)[-1]

    assert vector[INDEX["card_hour_share"]] == np.float32(1 / 4)
    assert vector[INDEX["card_weekend_share"]] == 0.0


def test_what_follows_the_order_of_payments_belongs_to_cards_alone():
    assert {row.entity for row in FEATURES if row.op in ORDERED} == {"card"}


def test_the_table_is_sound():
    assert len(set(NAMES)) == len(NAMES)
    assert all(row.window > 0 for row in FEATURES if row.op in (Op.COUNT, Op.SUM, Op.MEAN, Op.DISTINCT))
