"""Steps of models on their pages: who takes which, and what is told when it fails."""

import pytest

from scoring.models import ModelVersion
from scoring.services.experiments import start_experiment
from scoring.services.model_stages import promote, propose
from tests.cases.models_pages import MODELS, at, take, text_of
from tests.factories import DAY, NOON, make_user
from tests.scoring.experiment_record import PLAN
from tests.scoring.model_world import events_of, make_champion, make_model, stages
from tests.scoring.payments import tampering

pytestmark = pytest.mark.django_db


def test_a_model_takes_its_steps_on_its_page(client, mia, max_):
    make_champion()
    make_model()
    client.force_login(mia)
    for action, sent in [("shadow", {}), ("challenge", {"share": "12.5"}), ("propose", {"note": "it catches more"})]:
        assert take(client, "m-1", action, **sent).status_code == 302, action
    assert ModelVersion.objects.get(version="m-1").share == 0.125
    client.force_login(max_)

    response = take(client, "m-1", "promote")

    assert response["Location"] == at("m-1")
    assert stages() == {"m-0": "retired", "m-1": "champion"}
    page = text_of(client.get(at("m-1")))
    assert "it catches more" in page
    assert "Model m-1 is the champion: every process follows" in page


def test_while_an_experiment_runs_no_share_is_given_and_the_page_says_what_ends_it(client, mia):
    make_champion()
    make_model()
    experiment = start_experiment("m-1", 0.1, PLAN, by=mia, at=NOON)
    client.force_login(mia)

    page = text_of(client.get(at("m-1")))
    response = take(client, "m-1", "challenge", share="20")

    assert f'<a href="/models/experiments/{experiment.id}/">Experiment {experiment.id}</a> is running.' in page
    assert "takes the challenger's cards ends it for good" in page
    assert ">Give it a share of the cards</button>" not in page
    assert response.status_code == 422
    assert f"Experiment {experiment.id} is running, and its challenger&#x27;s share stays" in text_of(response)


def test_the_own_proposal_cannot_be_promoted_and_the_page_says_why(client, mia):
    make_champion()
    make_model()
    propose(version="m-1", note="better", by=mia, at=NOON)
    client.force_login(mia)

    response = take(client, "m-1", "promote")

    assert response.status_code == 422
    assert "a second person has to promote it" in text_of(response)
    assert ">Promote</button>" not in text_of(client.get(at("m-1")))
    assert stages()["m-0"] == "champion"


def test_a_step_that_is_felt_at_once_has_to_be_meant(client, mia, max_):
    make_champion()
    make_model()
    propose(version="m-1", note="better", by=mia, at=NOON)
    client.force_login(max_)

    response = client.post(at("m-1", "promote"), {"champion": "m-0"})

    assert response.status_code == 422
    assert "I have looked at its figures beside the champion&#x27;s.” first." in text_of(response)
    assert stages()["m-1"] == "candidate"


def test_who_looked_at_another_champion_is_told(client, mia, max_):
    make_champion()
    make_model()
    make_model("m-2", seed=2)
    for version in ("m-1", "m-2"):
        propose(version=version, note="better", by=mia, at=NOON)
    promote(version="m-2", instead_of="m-0", by=max_, at=NOON + DAY)
    client.force_login(max_)

    response = take(client, "m-1", "promote")

    assert response.status_code == 422
    assert "Model m-2 is champion by now, not m-0: look at it first." in text_of(response)


@pytest.mark.parametrize(
    ("share", "told"),
    [
        ("", "Say the share"),
        ("many", "number of percent"),
        ("60", "at most 50%"),
        ("0", "above 0"),
        ("nan", "number of percent"),
    ],
)
def test_a_share_that_cannot_be_is_told(client, mia, share, told):
    make_champion()
    make_model()
    client.force_login(mia)

    response = take(client, "m-1", "challenge", share=share)

    assert response.status_code == 422
    assert told in text_of(response)


def test_a_model_that_is_refused_stays_and_the_page_says_why_now_and_later(client, mia):
    model = make_model()
    with tampering():
        ModelVersion.objects.filter(id=model.id).update(artefact=b"damaged")
    client.force_login(mia)

    response = take(client, "m-1", "shadow")

    assert response.status_code == 422
    assert "wrong signature" in text_of(response)
    assert events_of(model)[0][:2] == ("refused", "mia")
    assert "<b>refused</b> by Mia" in text_of(client.get(at("m-1")))


def test_a_former_champion_is_brought_back_from_the_list(client, mia, max_):
    make_champion()
    make_model()
    propose(version="m-1", note="better", by=mia, at=NOON)
    promote(version="m-1", instead_of="m-0", by=max_, at=NOON)
    client.force_login(mia)

    assert take(client, "m-0", "roll-back", champion="m-1", note="").status_code == 422
    assert take(client, "m-0", "roll-back", champion="m-1", note="declines France").status_code == 302

    assert stages() == {"m-0": "champion", "m-1": "retired"}


def test_there_are_no_other_steps_and_none_of_a_model_that_is_not_there(client, mia):
    client.force_login(mia)

    assert take(client, "m-1", "explode").status_code == 404
    assert take(client, "m-1", "shadow").status_code == 404


@pytest.mark.parametrize(("role", "sees", "takes"), [("lead", 200, 403), ("auditor", 200, 403), ("analyst", 403, 403)])
def test_leads_and_auditors_look_and_managers_act(client, role, sees, takes):
    make_model()
    client.force_login(make_user(role))

    assert (client.get(MODELS).status_code, client.get(at("m-1")).status_code) == (sees, sees)
    assert take(client, "m-1", "shadow").status_code == takes
    assert stages() == {"m-1": "candidate"}


def test_whoever_is_not_logged_in_is_sent_to_the_login(client):
    make_model()

    for response in (client.get(MODELS), client.get(at("m-1")), take(client, "m-1", "shadow")):
        assert response.status_code == 302
        assert "/login/" in response["Location"]


def test_a_step_is_sent_and_not_visited(client, mia):
    client.force_login(mia)

    assert client.get(at("m-1", "shadow")).status_code == 405
    assert client.post(MODELS).status_code == 405
