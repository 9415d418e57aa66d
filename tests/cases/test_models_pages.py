"""The pages of models: what they show, who takes which step there, and what is told when it fails."""

import pytest

from scoring.models import ModelVersion
from scoring.services.experiments import start_experiment
from scoring.services.model_stages import promote, propose, put_in_shadow
from tests.factories import DAY, NOON, make_user
from tests.scoring.experiment_record import PLAN
from tests.scoring.model_world import events_of, make_champion, make_model, stages
from tests.scoring.payments import tampering

pytestmark = pytest.mark.django_db
MODELS = "/models/"
FIGURES = {
    "average_precision": 0.712, "auc_roc": 0.91, "brier": 0.004, "rows": 12_000, "frauds": 90,
    "intervals": {"average_precision": [0.65, 0.76]},
}  # fmt: skip


@pytest.fixture
def mia(db):
    return make_user("manager")


@pytest.fixture
def max_(db):
    return make_user("manager", username="max")


def at(version: str, action: str = "") -> str:
    return f"/models/{version}/{f'steps/{action}/' if action else ''}"


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def take(client, version: str, action: str, **sent):
    return client.post(at(version, action), {"champion": "m-0", "is_meant": "1"} | sent)


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_a_champion_that_is_refused_is_told_with_the_reason_and_the_way_out(client, mia):
    make_champion(key="a key of before " * 3)
    client.force_login(mia)

    page = text_of(client.get(MODELS))

    assert '<b class="break">m-0</b> should decide and is refused: ' in page
    assert "signature" in page
    assert "Roll back to a model before it" in page


def test_who_decides_what_is_on_the_way_and_who_was_before_stand_on_one_page(client, mia, max_):
    make_champion(metrics=FIGURES)
    make_model("m-1", metrics={})
    propose(version="m-1", note="better", by=mia, at=NOON)
    make_model("m-2", stage="challenger", share=0.1)
    make_model("m-3", stage="retired", promoted_at=NOON)
    client.force_login(mia)

    page = text_of(client.get(MODELS))

    assert '<a class="break" href="/models/m-0/">m-0</a> decides for 90% of the cards' in page
    assert "0.7120" in page
    assert "0.6500 to 0.7600" in page
    assert "challenger, 10% of the cards" in page
    assert "proposed by Mia" in page
    assert "is refused" not in page
    assert "not measured" in page
    assert "Roll back to m-3" in page


def test_without_a_champion_the_page_says_what_decides_and_what_to_do(client, mia):
    client.force_login(mia)

    assert "rules and lists alone decide" in text_of(client.get(MODELS))


def test_a_model_stands_beside_the_champion(client, mia):
    make_champion(metrics=FIGURES | {"average_precision": 0.75, "brier": 0.005})
    make_model(metrics=FIGURES)
    client.force_login(mia)

    page = text_of(client.get(at("m-1")))

    assert '-0.0380 <span class="soft">worse</span>' in page
    assert '-0.0010 <span class="soft">better</span>' in page
    assert "12,000, 90 fraud" in page
    assert "xgboost 3" in page


def test_what_a_model_in_shadow_would_have_led_to_is_shown(client, mia):
    make_model()
    model = put_in_shadow(version="m-1", by=mia, at=NOON)
    client.force_login(mia)
    assert "No payment was scored yet" in text_of(client.get(at("m-1")))

    for outcome, shadow_outcome, payments in (("approve", "review", 7), ("decline", "decline", 2), ("approve", "", 3)):
        model.shadow_figures.create(
            day=NOON.date(), currency="EUR", outcome=outcome, shadow_outcome=shadow_outcome, payments=payments, amount=1
        )

    page = text_of(client.get(at("m-1")))
    assert "With it <b>9</b> alerts instead of <b>2</b>, of 9 payments" in page
    assert "3 payments could not be scored" in page


def test_what_was_typed_is_shown_as_text(client, mia):
    make_champion()
    make_model()
    propose(version="m-1", note="<script>alert(1)</script>", by=mia, at=NOON)
    client.force_login(mia)

    assert "<script>alert(1)" not in text_of(client.get(at("m-1"))) + text_of(client.get(MODELS))


def test_the_pages_ask_the_same_number_of_queries_with_twice_the_models(client, mia, django_assert_max_num_queries):
    def count() -> int:
        client.get(MODELS)
        with django_assert_max_num_queries(60) as queries:
            client.get(MODELS)
            client.get(at("m-1"))
        return len(queries)

    make_champion()
    make_model()
    client.force_login(mia)
    few = count()
    for number in range(2, 8):
        make_model(f"m-{number}", requested_by=mia)
        propose(version=f"m-{number}", note="x", by=mia, at=NOON)

    assert count() == few


@pytest.mark.parametrize("url", ["/models/m-9/", "/models/%00-1/", f"/models/{'9' * 300}/"])
def test_there_is_no_page_of_a_model_that_is_not_there(client, mia, url):
    client.force_login(mia)

    assert client.get(url).status_code == 404


# --- steps -----------------------------------------------------------------------------------------------------------


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
