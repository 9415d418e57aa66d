"""Webhooks in the admin: managers set them up and see a secret once, auditors look, others stay outside."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.models import Session
from django.test import RequestFactory

from scoring.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from scoring.services.sealing import unseal
from scoring.services.webhook_endpoints import create_endpoint, disable_endpoint
from scoring.services.webhooks import Message, leave_messages
from tests.factories import DAY, HOUR, NOON, make_decision, make_user

pytestmark = pytest.mark.django_db
ENDPOINTS, DELIVERIES = "/admin/scoring/webhookendpoint/", "/admin/scoring/webhookdelivery/"
ADD = f"{ENDPOINTS}add/"
TYPED = {"name": "shop", "url": "https://shop.example/hook", "description": "their staging"}
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


@pytest.fixture
def mia(client) -> User:
    user = make_user("manager")
    client.force_login(user)
    return user


def make_endpoint(name: str = "shop") -> WebhookEndpoint:
    return create_endpoint(name=name, url="https://shop.example/hook", author=None, now=NOON)[0]


def make_delivery(**overrides) -> WebhookDelivery:
    decision = make_decision()
    leave_messages([Message(decision.id, f'{{"transaction_id": "{decision.transaction_id}"}}'.encode())], now=NOON)
    WebhookDelivery.objects.filter(decision=decision).update(**overrides)
    return WebhookDelivery.objects.filter(decision=decision).order_by("id")[0]


def act(client, page: str, name: str, *chosen: WebhookEndpoint | WebhookDelivery) -> str:
    data = {"action": name, "_selected_action": [row.id for row in chosen]}
    return text_of(client.post(page, data, follow=True))


def secret_on(response) -> str:
    assert response.status_code == 200
    (secret,) = SECRET.findall(text_of(response).replace("&#x2B;", "+"))
    return secret


def kept_of(client) -> str:
    """All that the browser and the session table keep, readable."""
    said = CookieStorage(RequestFactory().get("/"))
    said.request.COOKIES = {name: cookie.value for name, cookie in client.cookies.items()}
    sessions = [session.get_decoded() for session in Session.objects.all()]
    return f"{[message.message for message in said]} {said.request.COOKIES} {sessions}"


def text_of(response) -> str:
    return response.content.decode()


def traces(row: WebhookEndpoint | WebhookDelivery, by: User) -> list[str]:
    entries = LogEntry.objects.filter(object_id=str(row.id), user=by).order_by("id")
    return [entry.get_change_message() for entry in entries]


# --- endpoints -----------------------------------------------------------------------------------------------------


def test_a_new_endpoint_shows_its_secret_once(client, mia):
    response = client.post(ADD, TYPED)

    endpoint, secret = WebhookEndpoint.objects.get(), secret_on(response)
    assert "no-store" in response["Cache-Control"]
    assert "whsec_" not in kept_of(client)
    assert unseal(endpoint.secrets.get().sealed) == secret
    assert (endpoint.created_by, endpoint.is_active) == (mia, True)
    again = text_of(client.get(f"{ENDPOINTS}{endpoint.id}/change/"))
    assert secret[:10] in again
    for hidden in (secret, endpoint.secrets.get().sealed):
        assert hidden not in again + text_of(client.get(ENDPOINTS)) + str(traces(endpoint, mia))
    assert traces(endpoint, mia) == ["Added."]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://shop.example/", "Write https://"),
        ("https://user:pass@shop.example/", "No user and password"),
        ("https://shop.example/#x", "No fragment"),
        ("https://169.254.169.254/latest/meta-data/", "not a public address"),
        ("javascript:alert(1)", "Only letters|begins with https://"),
        ("", "required"),
        ("https://shop.example/\x00", "Null characters"),
    ],
)
def test_a_url_that_cannot_be_called_is_said_so_and_makes_nothing(client, mia, url, said):
    response = client.post(ADD, TYPED | {"url": url})

    assert response.status_code == 200
    assert re.search(said, text_of(response))
    assert not WebhookEndpoint.objects.exists()


def test_a_name_is_given_once(client, mia):
    make_endpoint()

    assert "already exists" in text_of(client.post(ADD, TYPED))
    assert WebhookEndpoint.objects.count() == 1


def test_a_new_url_leaves_a_trace_with_the_former_one(client, mia):
    endpoint = make_endpoint()
    moved = {**TYPED, "url": "https://new.example/hook"}
    no_rows = {"secrets-TOTAL_FORMS": "0", "secrets-INITIAL_FORMS": "0"}

    client.post(f"{ENDPOINTS}{endpoint.id}/change/", moved | no_rows)

    endpoint.refresh_from_db()
    assert endpoint.url == "https://new.example/hook"
    (said,) = traces(endpoint, mia)
    assert "from https://shop.example/hook to https://new.example/hook" in said
    client.post(f"{ENDPOINTS}{endpoint.id}/change/", moved | no_rows | {"url": "https://10.0.0.1/"})
    endpoint.refresh_from_db()
    assert endpoint.url == "https://new.example/hook"


@pytest.mark.parametrize(("action", "hours"), [("rotate", 24), ("rotate_at_once", 0)])
def test_a_new_secret_is_shown_and_the_former_one_gets_an_end(client, mia, action, hours):
    endpoint = make_endpoint()

    secret = secret_on(client.post(ENDPOINTS, {"action": action, "_selected_action": [endpoint.id]}))

    assert "whsec_" not in kept_of(client)
    former, current = endpoint.secrets.order_by("id")
    assert unseal(current.sealed) == secret
    assert former.ends_at - current.created_at == hours * HOUR
    assert "new secret" in traces(endpoint, mia)[0]


def test_one_endpoint_at_a_time_gets_a_new_secret(client, mia):
    one, other = make_endpoint("one"), make_endpoint("other")

    page = act(client, ENDPOINTS, "rotate", one, other)

    assert "Choose one endpoint" in page
    assert (one.secrets.count(), other.secrets.count()) == (1, 1)


def test_what_the_browser_keeps_can_be_read_by_these_tests(client, mia):
    endpoint = make_endpoint("whsec_like")

    client.post(ENDPOINTS, {"action": "switch_off", "_selected_action": [endpoint.id]})

    assert "Switched off: whsec_like" in kept_of(client)


def test_switching_off_and_on_is_traced_and_done_once(client, mia):
    endpoint = make_endpoint()

    act(client, ENDPOINTS, "switch_off", endpoint)
    act(client, ENDPOINTS, "switch_off", endpoint)
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "Switched off by mia")

    act(client, ENDPOINTS, "switch_on", endpoint)
    endpoint.refresh_from_db()
    assert endpoint.is_active
    assert traces(endpoint, mia) == ["Switched off.", "Switched on."]


def test_a_test_message_is_left_for_the_endpoint_unless_it_is_off(client, mia):
    on, off = make_endpoint("on"), make_endpoint("off")
    disable_endpoint(off, reason="moved")

    page = act(client, ENDPOINTS, "send_test_message", on, off)

    assert WebhookDelivery.objects.get().endpoint == on
    assert "off is switched off" in page
    assert (traces(on, mia), traces(off, mia)) == (["Sent a test message."], [])


# --- deliveries ----------------------------------------------------------------------------------------------------


def test_a_delivery_is_shown_with_its_attempts_as_text(client, mia):
    make_endpoint()
    delivery = make_delivery()
    WebhookAttempt.objects.create(
        delivery=delivery, started_at=NOON, duration_ms=31, status=500, answer="<script>alert(1)</script>"
    )

    page = text_of(client.get(f"{DELIVERIES}{delivery.id}/change/"))

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert delivery.decision.transaction_id in page


def test_deliveries_are_found_by_payment_and_message(client, mia):
    make_endpoint()
    one, other = make_delivery(), make_delivery()

    for wanted in (one.message_id, one.decision.transaction_id):
        page = text_of(client.get(DELIVERIES, {"q": wanted}))
        assert one.message_id in page
        assert other.message_id not in page
    assert other.message_id not in text_of(client.get(DELIVERIES, {"state__exact": "failed"}))


def test_a_manager_has_a_message_delivered_again_and_leaves_a_trace(client, mia):
    make_endpoint()
    failed, delivered = make_delivery(state="failed"), make_delivery(state="delivered", delivered_at=NOON)

    act(client, DELIVERIES, "deliver_again", failed, delivered)

    for row in (failed, delivered):
        before = row.message_id
        row.refresh_from_db()
        assert (row.state, row.message_id) == ("waiting", before)
        assert row.give_up_at > NOON + DAY
        assert traces(row, mia) == ["Delivered again."]


def test_nothing_is_delivered_again_to_an_endpoint_that_is_off(client, mia):
    endpoint = make_endpoint()
    failed = make_delivery(state="failed")
    disable_endpoint(endpoint, reason="moved")

    assert "is switched off" in act(client, DELIVERIES, "deliver_again", failed)
    failed.refresh_from_db()
    assert failed.state == "failed"


# --- who may -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [ENDPOINTS, ADD, DELIVERIES])
@pytest.mark.parametrize("role", ["analyst", "lead", None])
def test_who_is_no_manager_or_auditor_stays_outside(client, url, role):
    client.force_login(make_user(role))

    assert "/admin/login/" in client.get(url)["Location"]


def test_an_auditor_looks_and_changes_nothing(client):
    client.force_login(make_user("auditor"))
    endpoint = make_endpoint()
    delivery = make_delivery(state="failed")

    for page in (ENDPOINTS, f"{ENDPOINTS}{endpoint.id}/change/", DELIVERIES, f"{DELIVERIES}{delivery.id}/change/"):
        assert client.get(page).status_code == 200, page
    assert client.post(ADD, TYPED).status_code == 403
    assert client.post(f"{ENDPOINTS}{endpoint.id}/change/", TYPED).status_code == 403
    for action in ("rotate", "rotate_at_once", "switch_off", "send_test_message"):
        act(client, ENDPOINTS, action, endpoint)
    act(client, DELIVERIES, "deliver_again", delivery)

    endpoint.refresh_from_db()
    delivery.refresh_from_db()
    assert (endpoint.is_active, endpoint.secrets.count(), delivery.state) == (True, 1, "failed")
    assert WebhookDelivery.objects.count() == 1


def test_nobody_deletes_or_edits_the_record(client):
    client.force_login(User.objects.create_superuser("root", password="correct horse battery"))
    endpoint = make_endpoint()
    delivery = make_delivery()

    assert client.post(f"{ENDPOINTS}{endpoint.id}/delete/", {"post": "yes"}).status_code == 403
    for page in (f"{DELIVERIES}add/", f"{DELIVERIES}{delivery.id}/change/", f"{DELIVERIES}{delivery.id}/delete/"):
        assert client.post(page, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("page", [ENDPOINTS, DELIVERIES])
def test_a_list_asks_the_same_number_of_queries_with_more_rows(client, mia, page, django_assert_max_num_queries):
    def count() -> int:
        with django_assert_max_num_queries(50) as queries:
            client.get(page)
        return len(queries)

    make_endpoint("one")
    make_delivery()
    once = count()
    make_endpoint("two")
    make_endpoint("three")
    WebhookEndpoint.objects.update(created_by=mia)
    make_delivery()
    make_delivery()

    assert count() == once
