"""After the key was changed, models that were signed with the former one are signed anew, and no others."""

import json

import pytest
from django.core.management import CommandError, call_command

from scoring.models import ModelVersion
from scoring.services.line_up import champion, forget_champion
from tests.scoring.model_world import make_champion, make_model
from tests.scoring.payments import tampering

pytestmark = pytest.mark.django_db
FORMER = "the key of before, which is long enough"


def signed(capsys) -> dict[str, list[str]]:
    call_command("sign_models", "--json")
    return json.loads(capsys.readouterr().out)


def test_models_of_the_former_key_score_again_and_changed_ones_stay_refused(monkeypatch, capsys):
    make_champion("m-0", key=FORMER)
    make_model("m-1")
    make_model("m-2", key="of somebody else")
    make_model("m-3", key=FORMER)
    with tampering():
        ModelVersion.objects.filter(version="m-3").update(calibration_slope=9.0)
    assert champion() is None
    monkeypatch.setenv("FORMER_MODEL_SIGNING_KEY", FORMER)

    first, second = signed(capsys), signed(capsys)

    assert first == {"signed": ["m-0"], "as_they_were": ["m-1"], "left": ["m-2", "m-3"]}
    assert second == {"signed": [], "as_they_were": ["m-0", "m-1"], "left": ["m-2", "m-3"]}
    forget_champion()
    assert champion().version == "m-0"


def test_it_says_what_stays_refused(monkeypatch, capsys):
    make_model("m-2", key="of somebody else")
    monkeypatch.setenv("FORMER_MODEL_SIGNING_KEY", FORMER)

    call_command("sign_models")

    assert "Signed with neither key, or changed, and still refused: m-2." in capsys.readouterr().out


def test_without_the_former_key_it_says_where_it_belongs(monkeypatch):
    monkeypatch.delenv("FORMER_MODEL_SIGNING_KEY", raising=False)

    with pytest.raises(CommandError, match="FORMER_MODEL_SIGNING_KEY") as refused:
        call_command("sign_models")

    assert refused.value.returncode == 2
