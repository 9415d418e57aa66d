"""ASGI entry: pages and REST by Django, `/ws/` by Channels behind session and Origin checks."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fraudapp.settings")
_pages = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path

from cases.live import FeedConsumer
from cases.live_board import BoardConsumer

_sockets = [path("ws/feed/", FeedConsumer.as_asgi()), path("ws/board/", BoardConsumer.as_asgi())]

application = ProtocolTypeRouter(
    {
        "http": _pages,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(_sockets))),
    }
)
