"""`train_model` and the life of a model: candidate, champion, retired, refused."""

import json
import logging
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from scoring.features.definitions import VERSION
from scoring.ml.model import ModelRefusedError
from scoring.models import Label, ModelVersion
from scoring.services import line_up, models
from scoring.services.models import TrainingPeriod
from tests.factories import DAY, NOON
from tests.scoring.ml_data import make_dataset, record_decisions
from tests.scoring.payments import tampering

pytestmark = pytest.mark.django_db
FIRST = NOON - 20 * DAY
PERIOD = TrainingPeriod(FIRST, NOON, labels_as_of=NOON, maturity=timedelta(0))
AS_OF = "--labels-as-of", NOON.isoformat(), "--maturity-days", "0"


@pytest.fixture
def record() -> None:
    record_history()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, as the champion's cache reads them."""
    now = [1000.0]
    monkeypatch.setattr(line_up.time, "monotonic", lambda: now[0])
    return now


def record_history() -> None:
    data = make_dataset(2000)
    decisions = record_decisions(data, first_at=FIRST)
    Label.objects.bulk_create(
        Label(decision=decision, label="fraud", source="chargeback", known_at=decision.occurred_at + DAY)
        for decision, label in zip(decisions, data.labels, strict=True)
        if label
    )


def train(*, promote: bool = False, period: TrainingPeriod = PERIOD) -> ModelVersion:
    return models.train_model(period, promote=promote, progress=lambda _: None)


def train_two() -> tuple[ModelVersion, ModelVersion]:
    """The champion, and a candidate that learnt from less."""
    champion = train()
    return champion, train(period=TrainingPeriod(FIRST, NOON - DAY, labels_as_of=NOON, maturity=timedelta(0)))


def command(*arguments: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    call_command("train_model", *AS_OF, "--json", *arguments)
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("record")
def test_the_first_model_becomes_champion_and_the_next_a_candidate(capsys):
    first = command(capsys=capsys)
    second = command("--to", "2026-11-15", capsys=capsys)

    assert (first["stage"], second["stage"]) == ("champion", "candidate")
    assert first["metrics"]["auc_roc"] > 0.7
    assert first["metrics"]["frauds"] > second["metrics"]["frauds"]
    assert models.champion().version == first["version"]


@pytest.mark.usefixtures("record")
def test_promote_retires_the_champion_before(capsys):
    first = command(capsys=capsys)
    second = command("--to", "2026-11-15", "--promote", capsys=capsys)

    assert dict(ModelVersion.objects.values_list("version", "stage")) == {
        first["version"]: "retired",
        second["version"]: "champion",
    }


@pytest.mark.usefixtures("record")
def test_without_json_it_says_how_good_the_model_is(capsys):
    call_command("train_model", *AS_OF)

    told = capsys.readouterr()
    assert "average precision" in told.out
    assert "Reading payments from 2026-10-31 to 2026-11-20" in told.err


@pytest.mark.usefixtures("record")
def test_training_twice_on_the_same_record_is_one_model():
    assert train().version == train().version
    assert ModelVersion.objects.count() == 1


@pytest.mark.usefixtures("record")
def test_labels_learnt_later_do_not_change_a_training_as_of_a_time():
    as_of = TrainingPeriod(FIRST, NOON - 7 * DAY, labels_as_of=NOON - 5 * DAY, maturity=timedelta(0))
    before = train(period=as_of)
    unlabelled = Label.objects.order_by("id").first().decision
    Label.objects.create(decision=unlabelled, label="legitimate", source="chargeback", known_at=NOON)

    assert train(period=as_of).version == before.version


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "yesterday"], "'yesterday' is not a date"),
        (["--maturity-days", "-1"], "'-1' is not a number of days"),
        (["--from", "2026-11-20", "--to", "2026-11-19"], "is not before --to"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("train_model", *arguments)


def test_bad_dates_end_with_code_2():
    with pytest.raises(CommandError) as caught:
        call_command("train_model", "--from", "2026-11-20", "--to", "2026-11-19")

    assert caught.value.returncode == 2


@pytest.mark.usefixtures("record")
def test_without_labels_it_says_what_to_do_and_ends_with_code_1():
    with tampering():
        Label.objects.all().delete()

    with pytest.raises(CommandError, match="No fraud label is known .* Record labels") as caught:
        call_command("train_model", *AS_OF)

    assert caught.value.returncode == 1
    assert not ModelVersion.objects.exists()


def test_an_empty_record_ends_with_code_1():
    with pytest.raises(CommandError, match="Only 0 payments") as caught:
        call_command("train_model")

    assert caught.value.returncode == 1


@pytest.mark.usefixtures("record")
def test_by_default_payments_too_young_to_be_known_are_left_out(capsys):
    told = command("--maturity-days", "5", capsys=capsys)

    assert datetime.fromisoformat(told["trained_to"]) == NOON - 5 * DAY


@pytest.mark.usefixtures("record")
def test_promoting_the_champion_again_changes_nothing():
    champion = train()

    models.promote_model(champion.version)

    assert ModelVersion.objects.get().stage == "champion"


def test_promoting_an_unknown_model_is_an_error():
    with pytest.raises(models.UnknownModelError):
        models.promote_model("m0")


@pytest.mark.usefixtures("record")
def test_a_model_that_would_be_refused_cannot_be_promoted():
    champion, candidate = train_two()
    with tampering():
        ModelVersion.objects.filter(pk=candidate.pk).update(calibration_slope=2.0)

    with pytest.raises(ModelRefusedError):
        models.promote_model(candidate.version)

    champion.refresh_from_db()
    assert champion.stage == "champion"


@pytest.mark.usefixtures("record")
def test_the_database_allows_one_champion():
    _, candidate = train_two()

    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(pk=candidate.pk).update(stage="champion")


@pytest.mark.usefixtures("transactional_db")
def test_of_two_promotions_at_once_one_champion_is_left():
    record_history()
    champion, candidate = train_two()
    third = train(period=TrainingPeriod(FIRST, NOON - 2 * DAY, labels_as_of=NOON, maturity=timedelta(0)))
    failures: list[Exception] = []

    def promote(version: str) -> None:
        try:
            models.promote_model(version)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=promote, args=(model.version,)) for model in (candidate, third) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert ModelVersion.objects.filter(stage="champion").count() == 1
    champion.refresh_from_db()
    assert champion.stage == "retired"


def test_there_is_no_champion_before_the_first_training():
    assert models.champion() is None


@pytest.mark.usefixtures("record")
def test_the_champion_is_looked_up_once_in_two_seconds(clock, django_assert_num_queries):
    train()

    with django_assert_num_queries(2):
        held = [models.champion() for _ in range(5)]
    clock[0] += 2.1
    with django_assert_num_queries(1):
        held.append(models.champion())

    assert all(model is held[0] for model in held)


@pytest.mark.usefixtures("record")
def test_a_new_champion_is_followed_within_two_seconds(clock):
    _, candidate = train_two()
    before = models.champion()

    models.promote_model(candidate.version)
    assert models.champion() is before
    clock[0] += 2.1

    assert models.champion().version == candidate.version


@pytest.mark.usefixtures("record")
@pytest.mark.parametrize(
    ("changed", "words"), [({"artefact": b"tampered"}, "wrong signature"), ({"libraries": []}, "libraries are not")]
)
def test_the_last_good_model_stays_when_the_next_is_refused(clock, caplog, changed, words):
    _, candidate = train_two()
    before = models.champion()
    models.promote_model(candidate.version)
    with tampering():
        ModelVersion.objects.filter(pk=candidate.pk).update(**changed)

    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            clock[0] += 2.1
            assert models.champion() is before

    (refusal,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert words in refusal
    assert before.version in refusal


@pytest.mark.usefixtures("record")
def test_a_process_that_starts_with_a_refused_champion_has_no_model(settings):
    train()
    settings.MODEL_SIGNING_KEY = "another key"

    assert models.champion() is None


@pytest.mark.usefixtures("record")
def test_a_champion_of_other_features_is_refused():
    stored = train()
    with tampering():
        ModelVersion.objects.filter(pk=stored.pk).update(feature_version=f"{VERSION}0")

    assert models.champion() is None


@pytest.mark.usefixtures("record")
def test_a_retired_champion_stops_scoring(clock):
    train()
    assert models.champion() is not None

    ModelVersion.objects.update(stage="retired")
    clock[0] += 2.1

    assert models.champion() is None


def test_times_without_an_offset_are_utc():
    with pytest.raises(CommandError, match="2026-11-20 00:00 is not before --to 2026-11-19 22:00"):
        call_command("train_model", "--from", "2026-11-20", "--to", "2026-11-20T00:00+02:00")
