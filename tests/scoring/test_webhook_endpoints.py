"""Endpoints and their secrets: shown once, encrypted, replaced with an overlap."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from scoring.models import WebhookEndpoint, WebhookSecret
from scoring.services.sealing import UnreadableSecretError, seal, seal_again, unseal
from scoring.services.webhook_endpoints import (
    OVERLAP,
    change_endpoint,
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    rotate_secret,
)
from scoring.webhooks.addresses import RefusedUrlError
from tests.factories import HOUR, MINUTE, NOON

OTHER_KEY = "another-key-" + "z" * 40
URL = "https://shop.example/hook"


def make_endpoint(name: str = "shop") -> tuple[WebhookEndpoint, str]:
    return create_endpoint(name=name, url=URL, author=None, now=NOON)


# --- sealing -------------------------------------------------------------------------------------------------------


def test_what_is_sealed_can_be_read_again_and_is_not_seen():
    sealed = seal("whsec_abc")

    assert unseal(sealed) == "whsec_abc"
    assert "whsec_abc" not in sealed
    assert seal("whsec_abc") != sealed


def test_a_former_secret_key_still_opens_and_another_one_does_not(settings):
    sealed, former = seal("whsec_abc"), settings.SECRET_KEY
    settings.SECRET_KEY = OTHER_KEY

    with pytest.raises(UnreadableSecretError):
        unseal(sealed)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert unseal(sealed) == "whsec_abc"

    again = seal_again(sealed)
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(again) == "whsec_abc"


def test_what_was_changed_in_the_database_is_not_opened():
    sealed = seal("whsec_abc")

    for wrong in (sealed[:-2] + "A=", sealed[:20], "", "no token"):
        with pytest.raises(UnreadableSecretError):
            unseal(wrong)


# --- endpoints -----------------------------------------------------------------------------------------------------

needs_database = pytest.mark.django_db


@needs_database
def test_a_new_endpoint_is_active_and_its_secret_is_kept_encrypted():
    endpoint, secret = make_endpoint()

    kept = endpoint.secrets.get()
    assert (endpoint.is_active, endpoint.active_since) == (True, NOON)
    assert unseal(kept.sealed) == secret
    assert secret not in kept.sealed
    assert (len(kept.prefix), secret.startswith(kept.prefix)) == (10, True)


@needs_database
def test_a_url_that_is_refused_makes_and_changes_nothing():
    endpoint, _ = make_endpoint()

    with pytest.raises(RefusedUrlError):
        create_endpoint(name="inside", url="https://169.254.169.254/", author=None, now=NOON)
    with pytest.raises(RefusedUrlError):
        change_endpoint(endpoint, name="shop", url="http://shop.example/", description="")

    assert WebhookEndpoint.objects.get().url == URL


@needs_database
def test_the_former_secret_ends_when_the_overlap_does_and_is_then_forgotten():
    endpoint, first = make_endpoint()

    second = rotate_secret(endpoint, now=NOON)

    former, current = endpoint.secrets.order_by("id")
    assert (unseal(former.sealed), former.ends_at) == (first, NOON + OVERLAP)
    assert (unseal(current.sealed), current.ends_at) == (second, None)

    rotate_secret(endpoint, now=NOON + OVERLAP)
    assert not WebhookSecret.objects.filter(id=former.id).exists()
    assert endpoint.secrets.count() == 2


@needs_database
def test_a_secret_that_leaked_ends_at_once_and_with_it_all_before():
    endpoint, _ = make_endpoint()
    rotate_secret(endpoint, now=NOON)

    rotate_secret(endpoint, overlap=timedelta(0), now=NOON + HOUR)

    assert list(endpoint.secrets.order_by("id").values_list("ends_at", flat=True)) == [
        NOON + HOUR,
        NOON + HOUR,
        None,
    ]


@needs_database
def test_an_endpoint_is_switched_off_and_on_once():
    endpoint, _ = make_endpoint()

    assert disable_endpoint(endpoint, reason="moved")
    assert not disable_endpoint(endpoint, reason="other")
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "moved")

    assert enable_endpoint(endpoint, now=NOON + MINUTE)
    assert not enable_endpoint(endpoint, now=NOON + HOUR)
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason, endpoint.active_since) == (True, "", NOON + MINUTE)


@needs_database
def test_the_table_refuses_two_current_secrets_and_a_silent_end():
    endpoint, _ = make_endpoint()

    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookSecret.objects.create(endpoint=endpoint, prefix="x", sealed="x", created_at=NOON)
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookEndpoint.objects.update(is_active=False)


# --- a new SECRET_KEY ----------------------------------------------------------------------------------------------


@needs_database
def test_secrets_are_encrypted_again_when_secret_key_changes(settings):
    endpoint, secret = make_endpoint()
    rotate_secret(endpoint, now=NOON)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OTHER_KEY, [settings.SECRET_KEY]
    out = StringIO()

    call_command("reencrypt_webhook_secrets", "--json", stdout=out)

    assert out.getvalue() == '{"secrets": 2}\n'
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(endpoint.secrets.order_by("id")[0].sealed) == secret


@needs_database
def test_without_the_former_key_nothing_is_encrypted_again(settings):
    endpoint, _ = make_endpoint()
    before = endpoint.secrets.get().sealed
    settings.SECRET_KEY = OTHER_KEY

    with pytest.raises(CommandError, match="SECRET_KEY_FALLBACKS") as refused:
        call_command("reencrypt_webhook_secrets")

    assert refused.value.returncode == 1
    assert endpoint.secrets.get().sealed == before
