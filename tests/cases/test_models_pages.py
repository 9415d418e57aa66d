"""The pages of models: what they show."""

import pytest

from scoring.services.model_stages import propose, put_in_shadow
from tests.cases.models_pages import MODELS, at, text_of
from tests.factories import NOON
from tests.scoring.model_world import make_champion, make_model

pytestmark = pytest.mark.django_db
FIGURES = {
    "average_precision": 0.712, "auc_roc": 0.91, "brier": 0.004, "rows": 12_000, "frauds": 90,
    "intervals": {"average_precision": [0.65, 0.76]},
}  # fmt: skip


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
