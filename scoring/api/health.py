"""For what watches: liveness, readiness with each dependency named, Prometheus."""

import logging
from collections.abc import Callable, Iterable

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from scoring.api.base import ApiView
from scoring.api.keys import HasScope
from scoring.metrics import exposition
from scoring.services.models import champion
from scoring.services.policy import NoPolicyError, policy_in_force
from scoring.silence import answers_within

logger = logging.getLogger(__name__)


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when a payment could be decided now, else 503; a missing model or feature store only degrades."""
    parts = {name: _state(name, check) for name, check in _CHECKS.items()}
    is_ready = parts["database"] == parts["policy"] == "ok"
    return JsonResponse({"ready": is_ready, "parts": parts}, status=200 if is_ready else 503)


class _AnyAnswer(BaseContentNegotiation):
    """Watchers ask for formats of their own and take the one there is."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class MetricsView(ApiView):
    """`GET /metrics`, with a key of the scope `metrics` unless METRICS_ARE_OPEN."""

    scope = "metrics"
    content_negotiation_class = _AnyAnswer

    def get_permissions(self) -> list[BasePermission]:
        return [] if settings.METRICS_ARE_OPEN else [HasScope()]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Counters of this process, or of all that share PROMETHEUS_MULTIPROC_DIR, and the streams' figures."""
        return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _state(name: str, check: Callable[[], None]) -> str:
    try:
        with answers_within(settings.DECISION_PATIENCE_SECONDS):
            check()
    except (DatabaseError, InterfaceError, redis.RedisError, NoPolicyError, LookupError) as error:
        # Everybody may ask: what is wrong stays in the log.
        logger.info("readyz: %s is down: %s", name, error)
        return "down"
    return "ok"


def _check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _check_feature_store() -> None:
    with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
        client.ping()


def _check_policy() -> None:
    policy_in_force()


def _check_model() -> None:
    if champion() is None:
        raise LookupError("no champion")


_CHECKS: dict[str, Callable[[], None]] = {
    "database": _check_database,
    "policy": _check_policy,
    "feature_store": _check_feature_store,
    "model": _check_model,
}
