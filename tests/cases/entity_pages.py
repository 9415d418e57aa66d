"""Pages of cards, merchants, devices and addresses, as tests ask for them."""

from django.urls import reverse
from django.utils.timezone import now

from scoring.services.lists import add_list_entry
from tests.factories import HOUR, make_decision

SENT = {
    "card_id": "card-7731",
    "customer_id": "c-1",
    "merchant_id": "m-nordic",
    "device_id": "device-1",
    "ip_address": "192.0.2.7",
}
NAMES = {
    "card": "card-7731",
    "customer": "c-1",
    "merchant": "m-nordic",
    "device": "device-1",
    "ip": "192.0.2.7",
}


def url_of(kind, name):
    return reverse("entity", args=[kind, name])


def text_of(response):
    return response.content.decode()


def pay(*, ago=HOUR, **values):
    return make_decision(**SENT | {"occurred_at": now() - ago, "outcome": "approve"} | values)


def listed(author, **overrides):
    values = {"list_name": "block", "entity": "card", "value": "card-7731", "reason": "stolen", "expires_at": None}
    return add_list_entry(**values | overrides, author=author)
