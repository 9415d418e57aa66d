"""Similar confirmed cases on the page of a case: they fit, lead on, and can be read by everybody."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.timezone import now
from playwright.sync_api import expect

from scoring.services.embeddings import catch_up, embed_payments
from tests.embedding_world import make_champion, make_embeddable
from tests.factories import HOUR, make_case, make_label, make_user

pytestmark = pytest.mark.browser


def case_like_others():
    """An open case like two frauds, one of them with a case, and a false alarm."""
    make_champion()
    long = "Ægir's <b>Gift</b> cards and more of everything for everybody, everywhere and at any time"
    fraud, other = make_embeddable(number=1, merchant_name=long), make_embeddable(number=2, amount="12345678.90")
    cleared = make_embeddable(number=3)
    for payment, label in ((fraud, "fraud"), (other, "fraud"), (cleared, "legitimate")):
        make_label(payment, label, known_at=now() - HOUR)
    known = make_case(decisions=[fraud])
    while catch_up(at=now()):
        pass
    payment = make_embeddable(number=4, anomaly_score=0.998)
    embed_payments([payment.id], at=now())
    return make_case(decisions=[payment]), known


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_similar_cases_lead_to_theirs_and_have_no_faults(site, log_in, scheme, width):
    case, known = case_like_others()
    page = log_in(make_user(), color_scheme=scheme, viewport={"width": width, "height": 720})
    page.goto(case.get_absolute_url())

    section = page.get_by_role("region", name="Similar confirmed payments")
    expect(section.get_by_role("heading", name="Were legitimate")).to_be_visible()
    # On a narrow screen, as elsewhere on the page, the column of shops is left out.
    expect(section.get_by_text("<b>Gift</b>")).to_be_visible(visible=width > 700)
    faults = Axe().run(page).response["violations"]
    section.scroll_into_view_if_needed()
    is_wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    section.get_by_role("link", name="fraud ·").click()

    expect(page).to_have_url(f"{site}{known.get_absolute_url()}")
    assert [fault["id"] for fault in faults] == []
    assert not is_wide
