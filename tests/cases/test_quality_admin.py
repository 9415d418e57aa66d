"""Reviews, first verdicts, known cases and settings in the admin: to read."""

import pytest
from django.contrib.admin.models import LogEntry

from cases.services import known_cases
from cases.services.review_settings import change_settings
from tests.cases.reviewing import decided_case, review_everything
from tests.factories import NOON


@pytest.mark.parametrize("role", ["mia", "aude"])
@pytest.mark.parametrize("table", ["check", "firstverdict", "knowncase", "reviewsettings", "reviewer"])
def test_managers_and_auditors_read_what_is_kept(client, alice, mia, request, role, table):
    review_everything()
    case = decided_case(alice)
    known_cases.mark(case=case, truth="fraud", reason="x", actor=mia, now=NOON)
    change_settings(values={}, displays={alice.id: "always"})
    client.force_login(request.getfixturevalue(role))

    response = client.get(f"/admin/cases/{table}/")

    assert response.status_code == 200
    assert response.context["cl"].result_count == (2 if table == "check" else 1)
    assert client.get(f"/admin/cases/{table}/add/").status_code == 403


def test_the_salt_is_not_shown(client, mia):
    review_everything()
    client.force_login(mia)

    text = client.get("/admin/cases/reviewsettings/1/change/").content.decode()

    assert "Salt" not in text


def test_who_changed_the_settings_or_took_a_mark_away_stands_in_the_history(client, alice, mia):
    review_everything()
    case = decided_case(alice)
    change_settings(values={"second_share": 0.0}, displays={alice.id: "always"}, actor=mia)
    known_cases.mark(case=case, truth="fraud", reason="charged back", actor=mia, now=NOON)
    known_cases.unmark(case=case, actor=mia)
    client.force_login(mia)

    settings, marks = (
        client.get(f"/admin/cases/{row}/history/").content.decode() for row in ("reviewsettings/1", f"case/{case.id}")
    )

    assert "second_share: 1.0 to 0.0; alice: as the desk to score after the verdict" in settings
    assert "Marked as known: fraud, charged back" in marks
    assert "Known no more" in marks


def test_settings_that_stay_as_they_were_leave_no_trace(client, mia):
    change_settings(values={"second_share": 0.05}, displays={mia.id: ""}, actor=mia)

    assert not LogEntry.objects.exists()
