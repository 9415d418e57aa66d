"""Signing models anew after the key was changed."""

import hmac
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from scoring.ml import model as ml
from scoring.models import ModelVersion
from scoring.services.line_up import stored_of


@dataclass(frozen=True)
class SignedAnew:
    """Versions by what became of them. left: signed with neither key, and so refused wherever they are loaded."""

    signed: list[str]
    as_they_were: list[str]
    left: list[str]


@transaction.atomic
def sign_anew(*, former_key: str) -> SignedAnew:
    """Sign each model whose signature with the former key is right with MODEL_SIGNING_KEY. Safe to run twice.

    A model that was changed since it was signed is not signed again: it stays refused.
    """
    found = SignedAnew([], [], [])
    for version in list(ModelVersion.objects.order_by("id").values_list("version", flat=True)):
        row = ModelVersion.objects.select_for_update(of=["self"]).get(version=version)
        stored = stored_of(row)
        today = ml.sign(stored, key=settings.MODEL_SIGNING_KEY)
        if hmac.compare_digest(row.signature.encode(), today.encode()):
            found.as_they_were.append(version)
        elif hmac.compare_digest(row.signature.encode(), ml.sign(stored, key=former_key).encode()):
            ModelVersion.objects.filter(id=row.id).update(signature=today)
            found.signed.append(version)
        else:
            found.left.append(version)
    return found
