"""Endpoints of webhooks: made with a secret that is shown once, given a new one, switched off and on."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from scoring.models import WebhookEndpoint, WebhookSecret
from scoring.services.sealing import seal, seal_again
from scoring.webhooks.addresses import check_url
from scoring.webhooks.signing import new_secret

# `whsec_` and as much as tells secrets of one desk apart: 24 of 256 bits.
_PREFIX_LENGTH = 10
# A receiver has this long to take the new secret; until then both sign.
OVERLAP = timedelta(hours=24)


@transaction.atomic
def create_endpoint(
    *, name: str, url: str, description: str = "", author: User | None, now: datetime
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint that is told of every verdict from now on; with its secret, to be shown this once.

    Raises:
        RefusedUrlError: a webhook cannot be sent to this URL.
    """
    check_url(url, settings.WEBHOOK_ALLOWED_NETWORKS)
    endpoint = WebhookEndpoint.objects.create(
        name=name, url=url, description=description, active_since=now, created_by=author
    )
    return endpoint, _give_secret(endpoint, now)


def change_endpoint(endpoint: WebhookEndpoint, *, name: str, url: str, description: str) -> None:
    """Change what people type; messages that wait go to the new URL.

    Raises:
        RefusedUrlError: a webhook cannot be sent to this URL; nothing changed.
    """
    check_url(url, settings.WEBHOOK_ALLOWED_NETWORKS)
    WebhookEndpoint.objects.filter(id=endpoint.id).update(name=name, url=url, description=description)


@transaction.atomic
def rotate_secret(endpoint: WebhookEndpoint, *, overlap: timedelta = OVERLAP, now: datetime) -> str:
    """Give an endpoint a new secret and return it: the only time it can be seen.

    Those of before sign beside it until `overlap` is over, and are forgotten at the next rotation after that.
    """
    # Two who rotate at once have one current secret after another, not a failure.
    WebhookEndpoint.objects.select_for_update(no_key=True).get(id=endpoint.id)
    ends_at = now + overlap
    WebhookSecret.objects.filter(endpoint=endpoint, ends_at__lte=now).delete()
    WebhookSecret.objects.filter(endpoint=endpoint, ends_at__gt=ends_at).update(ends_at=ends_at)
    WebhookSecret.objects.filter(endpoint=endpoint, ends_at=None).update(ends_at=ends_at)
    return _give_secret(endpoint, now)


def _give_secret(endpoint: WebhookEndpoint, now: datetime) -> str:
    secret = new_secret()
    WebhookSecret.objects.create(endpoint=endpoint, prefix=secret[:_PREFIX_LENGTH], sealed=seal(secret), created_at=now)
    return secret


def disable_endpoint(endpoint: WebhookEndpoint, *, reason: str) -> bool:
    """Send nothing there any more; False when it was off already. What waits does so until its time is over."""
    active = WebhookEndpoint.objects.filter(id=endpoint.id, is_active=True)
    return bool(active.update(is_active=False, disabled_reason=reason))


def enable_endpoint(endpoint: WebhookEndpoint, *, now: datetime) -> bool:
    """Tell it again, of what is decided from now on and of what waits; False when it was on already."""
    disabled = WebhookEndpoint.objects.filter(id=endpoint.id, is_active=False)
    return bool(disabled.update(is_active=True, disabled_reason="", active_since=now))


def reencrypt_secrets() -> int:
    """Encrypt every secret with the key of today's SECRET_KEY; returns how many. Safe to run twice, and interrupted.

    Raises:
        UnreadableSecretError: no key that is set opens one of them; nothing changed.
    """
    with transaction.atomic():
        secrets = list(WebhookSecret.objects.select_for_update().order_by("id"))
        for secret in secrets:
            secret.sealed = seal_again(secret.sealed)
        WebhookSecret.objects.bulk_update(secrets, ["sealed"])
    return len(secrets)
