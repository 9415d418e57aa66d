"""The page of the random audit, and how its cases look."""

import pytest
from django.db import connection
from django.urls import reverse

from cases.models import AuditSetting
from cases.services.audit import draw_audit
from tests.cases.audit_draws import DAY, approved, audit, drawn_among, ids_of
from tests.factories import NOON, flag, make_label, make_user


@pytest.fixture
def url():
    return reverse("audit")


def test_a_lead_sets_the_audit_and_it_stands_in_the_history(client, db, url):
    client.force_login(make_user("lead", username="bob"))

    assert client.post(url, {"share": "0.5", "daily_reviews": "40"}).status_code == 302

    setting = AuditSetting.objects.get()
    assert (setting.share, setting.daily_reviews, setting.set_by.username) == (0.005, 40, "bob")
    page = client.get(url).content.decode()
    assert "bob" in page
    assert 'value="0.5"' in page


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"share": "6", "daily_reviews": "40"}, "At most 5%"),
        ({"share": "", "daily_reviews": "40"}, "Write a share in percent"),
        ({"share": "nan", "daily_reviews": "40"}, "Enter a number"),
        ({"share": "1", "daily_reviews": "0"}, "greater than or equal to 1"),
    ],
)
def test_a_bad_setting_is_refused_with_the_way_out(client, db, url, body, said):
    client.force_login(make_user("lead"))

    response = client.post(url, body)

    assert response.status_code == 422
    assert said in response.content.decode()
    assert not AuditSetting.objects.exists()


def test_an_auditor_reads_the_page_and_sets_nothing(client, db, url):
    client.force_login(make_user("auditor"))

    assert b"Save" not in client.get(url).content
    assert client.post(url, {"share": "1", "daily_reviews": "10"}).status_code == 403
    assert client.put(url).status_code == 405


def test_as_many_queries_however_much_was_drawn(client, db, url, django_assert_num_queries):
    client.force_login(make_user("lead"))
    audit()
    draw_audit(ids_of(approved(50)), now=NOON)
    with connection.execute_wrapper(counter := Counter()):
        client.get(url)
    draw_audit(ids_of(approved(200)), now=NOON)

    with django_assert_num_queries(counter.number):
        client.get(url)


class Counter:
    number = 0

    def __call__(self, execute, sql, params, many, context):
        self.number += 1
        return execute(sql, params, many, context)


def test_the_page_says_what_was_found_and_a_case_says_it_is_an_audit(client, db, url):
    bob = make_user("lead", username="bob")
    client.force_login(bob)
    audit(now=NOON - DAY)
    drawn = next(one for one in approved(200, merchant_name="<b>Shop</b>") if one.id in drawn_among([one]))
    draw_audit([drawn.id], now=NOON)
    case = flag(drawn)
    make_label(drawn, "fraud", source="customer", note="<script>")

    page = client.get(case.get_absolute_url()).content.decode()

    assert "random audit" in page
    assert "Random audit: nothing suspicious was found by the system" in page
    assert "Believed: nobody says otherwise." in page
    assert "<script>”" not in page
    figures = client.get(url).content.decode()
    assert "No whole hour" not in figures
    assert "with 95 % intervals" in figures
