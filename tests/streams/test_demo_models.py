"""The demo begins with a model that waits for a second manager."""

from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from scoring.models import ModelVersion
from scoring.services.model_stages import promote
from streams.demo_models import begin_models
from tests.factories import DAY, NOON, make_user
from tests.scoring.test_train_model import record_history, train

pytestmark = pytest.mark.django_db


def begin(manager, *, now=NOON) -> ModelVersion | None:
    return begin_models(manager, now=now, maturity_days=2, out=OutputWrapper(StringIO()))


def test_a_real_model_is_proposed_that_the_other_manager_can_promote():
    record_history()
    champion = train()
    carol, erin = make_user("manager", username="carol"), make_user("manager", username="erin")

    candidate = begin(carol)

    assert (candidate.stage, candidate.proposed_by, candidate.metrics["rows"]) == ("candidate", carol, 1200)
    promote(version=candidate.version, instead_of=champion.version, by=erin, at=NOON)
    assert ModelVersion.objects.get(stage="champion").version == candidate.version


def test_where_the_days_teach_too_little_there_is_no_second_model():
    record_history()
    train()

    assert begin(make_user("manager"), now=NOON - 17 * DAY) is None
    assert ModelVersion.objects.count() == 1
