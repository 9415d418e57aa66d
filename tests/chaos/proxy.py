"""A TCP proxy between a process and a server that can be slow, mute or gone."""

import contextlib
import socket
import threading
import time
from enum import Enum
from urllib.parse import urlsplit, urlunsplit

from tests.chaos.packets import keep_packets, lose_packets

_CHUNK = 1 << 20
_LOOK_SECONDS = 0.01
DELAY_SECONDS = 0.1


class Mode(Enum):
    """What happens to what comes from either side."""

    PASS = "pass"
    DELAY = "delay"  # each answer comes later, by DELAY_SECONDS
    HANG = "hang"  # connections are taken, nothing is passed on until another mode is chosen
    REFUSE = "refuse"  # connections are cut, new ones too; what hung is dropped
    # Both end for new connections only; those of that time stay as they are for ever.
    SILENT = "silent"  # what comes is acknowledged and swallowed, as by a server that froze or lost its disk
    LOST = "lost"  # packets are not even acknowledged, as by a network that is cut


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes on to the server of a URL."""

    def __init__(self, target_url: str) -> None:
        parts = urlsplit(target_url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        user, _, _ = parts.netloc.rpartition("@")
        place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=f"{user}@{place}" if user else place))
        self.mode = Mode.PASS
        self._open: set[socket.socket] = set()
        self._silent: set[socket.socket] = set()
        self._is_closed = False
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def set(self, mode: Mode) -> None:
        if self.mode is Mode.LOST:
            keep_packets(self._listener)
        self.mode = mode
        if mode is Mode.REFUSE:
            self._cut()
        elif mode in {Mode.SILENT, Mode.LOST}:
            self._silent |= self._open
        if mode is Mode.LOST:
            lose_packets(self._listener)
            for one in list(self._open):
                with contextlib.suppress(OSError):  # it ended meanwhile
                    lose_packets(one)

    def close(self) -> None:
        self._is_closed = True
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mode is Mode.REFUSE:
                client.close()
                continue
            threading.Thread(target=self._connect, args=[client], daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        if self.mode is Mode.SILENT:
            self._open.add(client)
            self._silent.add(client)
            self._pump(client, client, False)
            self._forget(client)
            return
        try:
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(one)
        threading.Thread(target=self._pump, args=[client, server, False], daemon=True).start()
        self._pump(server, client, True)
        self._forget(client, server)

    def _forget(self, *ended: socket.socket) -> None:
        for one in ended:
            self._open.discard(one)
            self._silent.discard(one)
            one.close()

    def _pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        """Pass on until a side ends; then end both."""
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if is_answer and self.mode is Mode.DELAY:
                    time.sleep(DELAY_SECONDS)
                while self.mode is Mode.HANG and not self._is_closed:
                    time.sleep(_LOOK_SECONDS)
                if self.mode is Mode.REFUSE:
                    break
                if source in self._silent:
                    continue
                target.sendall(chunk)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
