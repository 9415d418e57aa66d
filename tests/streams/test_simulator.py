"""The simulated world: the same for the same seed, right in form, honest about its frauds."""

import gzip
import io
import itertools
import json
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import zstandard

from scoring.transaction import decode
from streams.simulator import SimulatedPayment, World, encode, generate, paced, payments, write_payments
from streams.simulator.frauds import SCENARIOS
from streams.simulator.merchants import HOSTILE_NAMES
from streams.simulator.places import kilometres
from streams.simulator.records import to_ms

START = datetime(2025, 2, 20, tzinfo=UTC)
DAYS = 25
REQUIRED = {"transaction_id", "occurred_at", "amount", "currency", "card_id", "merchant_id"}
OPTIONAL = {
    "customer_id",
    "device_id",
    "ip_address",
    "merchant_category",
    "merchant_name",
    "merchant_country",
    "card_country",
    "billing_country",
    "channel",
    "latitude",
    "longitude",
}


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=7)


@pytest.fixture(scope="module")
def history(world: World) -> list[SimulatedPayment]:
    return list(generate(world, START, START + timedelta(days=DAYS), fraud_rate=0.01))


@pytest.fixture(scope="module")
def episodes(history: list[SimulatedPayment]) -> dict[str, list[list[SimulatedPayment]]]:
    """Frauds of each scenario, each a list of its payments; those cut off by the end are left out."""
    of_episode = defaultdict(list)
    for payment in history:
        if payment.is_fraud:
            of_episode[payment.episode].append(payment)
    of_scenario = defaultdict(list)
    for fraud in of_episode.values():
        if fraud[0].occurred_at < START + timedelta(days=DAYS - 3):
            of_scenario[fraud[0].scenario].append(fraud)
    return of_scenario


def amount_of(payment: SimulatedPayment) -> Decimal:
    return Decimal(str(payment.record["amount"]))


def bytes_of(world: World, start: datetime = START, **options: float) -> bytes:
    return b"\n".join(encode(payment.record) for payment in payments(world, start, days=0.5, **options))


def test_the_same_seed_gives_the_same_bytes():
    assert bytes_of(World(7)) == bytes_of(World(7))


def test_another_seed_gives_other_people():
    mine, other = (next(payments(World(seed), START)).record for seed in (7, 8))

    assert {**mine, "transaction_id": ""} != {**other, "transaction_id": ""}


def test_a_larger_world_contains_the_smaller_one():
    small, large = World(7, cards=500), World(7, cards=5000)

    assert small.cards.city.tolist() == large.cards.city[:500].tolist()
    assert small.cards.activity.tolist() == large.cards.activity[:500].tolist()


def test_every_record_has_the_wire_format(history):
    for payment in history[:20_000]:
        record = payment.record
        assert record.keys() >= REQUIRED
        assert record.keys() <= REQUIRED | OPTIONAL
        assert re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", str(record["transaction_id"]))
        assert re.fullmatch(r"\d+\.\d\d", str(record["amount"]))
        assert amount_of(payment) > 0
        assert datetime.fromisoformat(str(record["occurred_at"])) == payment.occurred_at
        assert ("device_id" in record) == ("ip_address" in record) == (record["channel"] == "ecommerce")
        assert ("latitude" in record) == (record["channel"] in {"pos", "contactless", "atm"})


def test_the_decoder_takes_every_kind_of_record(history):
    now = START + timedelta(days=DAYS)

    decoded = [decode(encode(payment.record), received_at=now) for payment in history[::20]]

    assert {transaction.channel for transaction in decoded} == {
        "pos",
        "contactless",
        "atm",
        "ecommerce",
        "moto",
        "transfer",
    }
    assert {transaction.currency for transaction in decoded} == {"EUR", "GBP", "USD"}


def test_payments_come_in_the_order_of_time_within_the_days_asked_for(history):
    times = [payment.occurred_at for payment in history]

    assert times == sorted(times)
    assert times[0] >= START
    assert times[-1] < START + timedelta(days=DAYS)


def test_ids_are_unique(history):
    assert len({payment.record["transaction_id"] for payment in history}) == len(history)


def test_a_run_after_a_restart_has_the_same_people_and_other_ids():
    first = list(payments(World(7), START, days=1))
    second = list(payments(World(7), START + timedelta(milliseconds=1), days=1))

    ids = [{payment.record["transaction_id"] for payment in run} for run in (first, second)]
    devices = [{payment.record.get("device_id") for payment in run} for run in (first, second)]
    assert not ids[0] & ids[1]
    assert len(devices[0] & devices[1]) > len(devices[0]) / 4


@pytest.mark.parametrize("fraud_rate", [0.0, 0.005, 0.02])
def test_the_share_of_fraud_is_the_one_asked_for(world, fraud_rate):
    made = list(generate(world, START, START + timedelta(days=12), fraud_rate=fraud_rate))

    share = sum(payment.is_fraud for payment in made) / len(made)

    assert share == pytest.approx(fraud_rate, rel=0.15)


def test_cards_pay_as_often_as_the_world_says(world, history):
    assert len(history) / DAYS / world.cards.count == pytest.approx(2.0, rel=0.1)


def test_a_live_run_keeps_its_rate_and_the_real_time(world):
    made = list(payments(world, START, rate=3, days=1 / 24))

    assert len(made) == pytest.approx(3 * 3600, rel=0.02)


def test_a_live_run_shows_fraud_within_its_first_minute(world):
    first_minute = payments(world, START, rate=2, days=1 / 1440, fraud_rate=0.02)

    assert any(payment.is_fraud for payment in first_minute)


def test_every_scenario_occurs(episodes):
    assert all(len(episodes[name]) >= 5 for name in SCENARIOS)


def test_card_testing_is_tiny_payments_in_minutes_then_a_large_one(episodes):
    for fraud in episodes["card_testing"]:
        *tests, strike = fraud
        assert len(tests) >= 5
        assert all(amount_of(payment) < Decimal("2.20") for payment in tests)  # 2.00 EUR in USD
        assert tests[-1].occurred_at - tests[0].occurred_at <= timedelta(minutes=10)
        assert amount_of(strike) > 100


def test_impossible_travel_is_faster_than_any_aeroplane(episodes, history):
    by_card = defaultdict(list)
    for payment in history:
        if "latitude" in payment.record:
            by_card[payment.record["card_id"]].append(payment)
    for fraud in episodes["impossible_travel"]:
        own = by_card[fraud[0].record["card_id"]]
        before = own[: own.index(fraud[0])]
        assert any(_kmh(payment, fraud[0]) > 1000 for payment in before[-5:])


def _kmh(earlier: SimulatedPayment, later: SimulatedPayment) -> float:
    places = [float(payment.record[axis]) for payment in (earlier, later) for axis in ("latitude", "longitude")]
    hours = (later.occurred_at - earlier.occurred_at) / timedelta(hours=1)
    return kilometres(*places) / max(hours, 1 / 60)


def test_a_ring_is_one_device_with_many_cards(episodes):
    for fraud in episodes["device_ring"]:
        assert len({payment.record["device_id"] for payment in fraud}) == 1
        assert len({payment.record["card_id"] for payment in fraud}) >= 4


def test_a_takeover_uses_a_device_the_customer_never_had(episodes, history):
    honest = {
        (payment.record["customer_id"], payment.record.get("device_id")) for payment in history if not payment.is_fraud
    }
    for fraud in episodes["account_takeover"]:
        assert all(payment.record["channel"] == "ecommerce" for payment in fraud)
        assert {(p.record["customer_id"], p.record["device_id"]) for p in fraud}.isdisjoint(honest)


def test_a_stolen_card_is_used_quickly_in_person(episodes):
    for fraud in episodes["stolen_card_burst"]:
        assert len({payment.record["card_id"] for payment in fraud}) == 1
        assert all(payment.record["channel"] in {"pos", "contactless"} for payment in fraud)
        assert fraud[-1].occurred_at - fraud[0].occurred_at <= timedelta(hours=2)
    assert max(len(fraud) for fraud in episodes["stolen_card_burst"]) >= 5


def test_fraud_at_a_leaking_merchant_is_many_times_the_usual(world, history):
    frauds, total = defaultdict(int), defaultdict(int)
    for payment in history:
        leaking = {f"merchant-{index:05d}" for index in world.leaking(to_ms(payment.occurred_at)).tolist()}
        leaks = payment.record["merchant_id"] in leaking
        frauds[leaks] += payment.is_fraud
        total[leaks] += 1

    assert frauds[True] / total[True] > 5 * frauds[False] / total[False]


def test_a_label_is_known_after_the_payment_and_some_never(world):
    frauds = [p for p in generate(world, START, START + timedelta(days=30), fraud_rate=0.05) if p.is_fraud]
    delays = sorted(p.label_known_at - p.occurred_at for p in frauds if p.label_known_at)

    assert delays[0] > timedelta(0)
    assert delays[-1] <= timedelta(days=45)
    assert timedelta(days=4) < delays[len(delays) // 2] < timedelta(days=8)
    assert 1 - len(delays) / len(frauds) == pytest.approx(0.10, abs=0.03)
    assert {p.label_source for p in frauds} == {"chargeback", "issuer_report", "customer", ""}


def test_honest_payments_carry_no_label(history):
    assert all(p.label_known_at is None and not p.scenario for p in history if not p.is_fraud)


def test_honest_life_looks_odd_at_times(history):
    honest = [payment for payment in history if not payment.is_fraud]
    abroad = sum(p.record["merchant_country"] != p.record["card_country"] for p in honest if "latitude" in p.record)
    rents = [payment for payment in honest if payment.record["channel"] == "transfer"]

    assert 0.02 < abroad / len(honest) < 0.2
    assert rents
    assert all(payment.occurred_at.day <= 3 and amount_of(payment) > 100 for payment in rents)


def test_hostile_merchant_names_are_among_the_payments(history):
    assert {payment.record["merchant_name"] for payment in history} >= set(HOSTILE_NAMES)


def test_addresses_belong_to_nobody(history):
    prefixes = ("10.", "198.51.100.", "203.0.113.", "2001:db8:")

    assert all(str(p.record["ip_address"]).startswith(prefixes) for p in history if "ip_address" in p.record)


def test_a_naive_start_is_refused_before_the_first_payment(world):
    with pytest.raises(ValueError, match="aware"):
        payments(world, datetime(2025, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("options", [{"rate": 0}, {"fraud_rate": 0.7}, {"fraud_rate": -0.1}])
def test_senseless_options_are_refused_before_the_first_payment(world, options):
    with pytest.raises(ValueError, match="fraud_rate"):
        payments(world, START, **options)


def test_a_world_too_small_for_its_cities_is_refused():
    with pytest.raises(ValueError, match="merchants"):
        World(7, merchants=10)


def test_pacing_waits_for_each_payment_and_leaves_out_what_a_sleep_made_late(world):
    events = list(itertools.islice(payments(world, START, rate=1), 100))
    clock = [START]

    def sleep(seconds: float) -> None:
        clock[0] += timedelta(seconds=seconds)

    def now() -> datetime:
        return clock[0]

    run = paced(events, now=now, sleep=sleep, latest=timedelta(seconds=5))
    early = [next(run) for _ in range(10)]
    at_ten = clock[0]
    clock[0] += timedelta(seconds=40)
    late = list(run)

    assert early == events[:10]
    assert at_ten == events[9].occurred_at
    assert late == [event for event in events[10:] if event.occurred_at >= at_ten + timedelta(seconds=35)]


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_a_file_holds_one_record_a_line_and_the_labels_beside_it(world, tmp_path, suffix):
    made = list(payments(world, START, days=3, fraud_rate=0.02))
    path, labels, truth = tmp_path / f"payments.{suffix}", tmp_path / "labels.csv", tmp_path / "truth.csv"
    known_by = START + timedelta(days=5)

    count = write_payments(made, path, labels=labels, labels_known_by=known_by, truth=truth)

    lines = read(path).decode().splitlines()
    known = [p for p in made if p.label_known_at is not None and p.label_known_at <= known_by]
    rows = labels.read_text().splitlines()
    assert count == len(made)
    assert [json.loads(line) for line in lines] == [payment.record for payment in made]
    assert rows[0] == "transaction_id,label,source,known_at"
    assert [row.split(",")[0] for row in rows[1:]] == [payment.record["transaction_id"] for payment in known]
    assert len(truth.read_text().splitlines()) == 1 + sum(payment.is_fraud for payment in made)
    assert sorted(tmp_path.iterdir()) == sorted([path, labels, truth])


def read(path: Path) -> bytes:
    raw = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(raw)
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    return raw


def test_a_file_broken_off_does_not_appear_under_its_name(world, tmp_path):
    def broken():
        yield next(payments(world, START))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_payments(broken(), tmp_path / "payments.jsonl.gz")

    assert not (tmp_path / "payments.jsonl.gz").exists()
