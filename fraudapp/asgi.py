"""ASGI entry: decisions on a way of their own, all else of HTTP by Django, `/ws/` behind session and Origin checks."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fraudapp.settings")
_pages = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path, reverse

from cases.live import FeedConsumer
from cases.live_board import BoardConsumer
from scoring.api.asgi import ScoringHandler, lifespan

_sockets = [path("ws/feed/", FeedConsumer.as_asgi()), path("ws/board/", BoardConsumer.as_asgi())]

_decisions = {
    reverse("decisions"): ScoringHandler(is_batch=False),
    reverse("batch"): ScoringHandler(is_batch=True),
}


async def _http(scope: Any, receive: Any, send: Any) -> None:
    await _decisions.get(scope["path"], _pages)(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": _http,
        "lifespan": lifespan,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(_sockets))),
    }
)
