"""Entity states in Valkey."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cache
from typing import Any, cast

import redis
from redis.utils import str_if_bytes

from scoring.breaker import Breaker
from scoring.features.definitions import DAY, HOUR, VERSION
from scoring.features.states import (
    FeatureStoreError,
    FeatureStoreLostError,
    PartlyCountedError,
    StateWrite,
    building_generation,
    usable_generation,
)

# The longest window, its hop, and some: an entity that was silent for longer has nothing left to count but recency.
STATE_SECONDS = 90 * DAY
# A feature write that nobody confirmed is tried again within seconds; a week outlasts any outage it could follow.
RECEIPT_SECONDS = 7 * DAY
# A forgotten receipt stays for as long as a process may be frozen in the middle of its write and still wake up.
LINGER_SECONDS = HOUR

_PREFIX = f"feature:{VERSION}:"
_GENERATION = f"{_PREFIX}generation".encode()

# KEYS: states. ARGV: their counts of writes before. Answers row, state, row, state... of those written since.
_CHANGED = """
local changed = {}
for i = 1, #KEYS do
  local now = redis.call('GETRANGE', KEYS[i], 0, 7)
  if now == '' then now = '\\0\\0\\0\\0\\0\\0\\0\\0' end
  if now ~= ARGV[i] then
    changed[#changed + 1] = i - 1
    changed[#changed + 1] = redis.call('GET', KEYS[i])
  end
end
return changed
"""
# KEYS: generation, receipts, states, receipts to forget. ARGV: generation, seconds to keep states, receipts, forgotten
# receipts, number of receipts, of states, counts of writes before, the states. Answers 0 stored, 1 another generation,
# 2 some of the receipts are there, else a list of row, state, row, state...
# MSETEX, of Valkey 9.1 and Redis 8.4, takes half the time of a SET each; Lua's stack holds some thousand arguments.
_WRITE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 1 end
local r, n = tonumber(ARGV[5]), tonumber(ARGV[6])
local known = r > 0 and redis.call('EXISTS', unpack(KEYS, 2, 1 + r)) or 0
if known > 0 then return known == r and 0 or 2 end
local changed = {}
for i = 1, n do
  local now = redis.call('GETRANGE', KEYS[1 + r + i], 0, 7)
  if now == '' then now = '\\0\\0\\0\\0\\0\\0\\0\\0' end
  if now ~= ARGV[6 + i] then
    changed[#changed + 1] = i - 1
    changed[#changed + 1] = redis.call('GET', KEYS[1 + r + i])
  end
end
if #changed > 0 then return changed end
for first = 1, n, 1000 do
  local last = math.min(first + 999, n)
  local parts = {}
  for i = first, last do
    parts[#parts + 1] = KEYS[1 + r + i]
    parts[#parts + 1] = ARGV[6 + n + i]
  end
  parts[#parts + 1] = 'EX'
  parts[#parts + 1] = ARGV[2]
  local answer = redis.pcall('MSETEX', last - first + 1, unpack(parts))
  if type(answer) == 'table' and answer['err'] then
    for i = first, last do redis.call('SET', KEYS[1 + r + i], ARGV[6 + n + i], 'EX', ARGV[2]) end
  end
end
for i = 2, 1 + r do redis.call('SET', KEYS[i], '', 'EX', ARGV[3]) end
for i = 2 + r + n, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[4]) end
return 0
"""
_FINISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


class _Server:
    """The server that a store speaks with, by the name it gives each run of itself."""

    def __init__(self) -> None:
        # Another one after a restart, which may have cost the server its last second.
        self._run_id = ""

    def greet(self, connection: Any) -> None:
        """Ask who is there, on each new connection.

        Raises:
            redis.ConnectionError: the server was restarted since we spoke to it, once: writers must see to their
                unsettled batches before they go on.
        """
        connection.on_connect()
        connection.send_command("INFO", "server")
        lines = str_if_bytes(connection.read_response()).splitlines()
        facts = dict(line.split(":", 1) for line in lines if ":" in line)
        known, self._run_id = self._run_id, facts["run_id"]
        if known not in ("", self._run_id):
            raise redis.ConnectionError("the feature store was restarted")


class ValkeyStore:
    """States in one Valkey, each under its own key. A cluster is not supported: a batch's keys lie on all its nodes.

    With a `breaker`, a server that keeps failing is not asked, which is an error as if it had been.
    """

    def __init__(self, url: str, *, timeout_seconds: float, breaker: Breaker | None = None) -> None:
        self._breaker = breaker
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=None,
            # Not a method of ours: a store and a client that hold each other keep sockets until they are collected.
            redis_connect_func=_Server().greet,
        )
        self._building = b""
        self.is_contended = False

    def read(self, keys: Sequence[str]) -> tuple[bytes, list[bytes | None]]:
        with self._as_store_errors():
            found = self._ask([b"MGET", _GENERATION, *map(str.encode, keys)])
        return usable_generation(found[0], self._building), found[1:]

    def write(self, write: StateWrite) -> dict[int, bytes | None] | None:
        names = [
            _GENERATION, *map(_receipt_key, write.receipts), *map(str.encode, write.keys),
            *map(_receipt_key, write.forget),
        ]  # fmt: skip
        arguments = [
            write.generation, b"%d" % STATE_SECONDS, b"%d" % RECEIPT_SECONDS, b"%d" % LINGER_SECONDS,
            b"%d" % len(write.receipts), b"%d" % len(write.keys), *write.before, *write.states,
        ]  # fmt: skip
        with self._as_store_errors():
            answer = self._run(_WRITE, names, arguments)
        if answer == 1:
            raise FeatureStoreLostError("the store's generation changed")
        if answer == 2:
            raise PartlyCountedError("some of these batches are counted already")
        self.is_contended = self.is_contended or bool(answer)
        return _rows(answer) if answer else None

    def changed(self, keys: Sequence[str], before: Sequence[bytes]) -> dict[int, bytes | None]:
        with self._as_store_errors():
            answer = self._run(_CHANGED, list(map(str.encode, keys)), before)
        self.is_contended = bool(answer)
        return _rows(answer)

    def has_receipts(self, receipts: Sequence[str]) -> list[bool]:
        if not receipts:
            return []
        with self._as_store_errors():
            found = self._ask([b"MGET", *map(_receipt_key, receipts)])
        return [value is not None for value in found]

    def generation(self) -> bytes | None:
        with self._as_store_errors():
            return cast(bytes | None, self._client.get(_GENERATION))

    def begin_rebuild(self, token: str) -> None:
        with self._as_store_errors():
            # First, so that no write of others comes after the sweep.
            self._client.set(_GENERATION, building_generation(token))
            for keys in _chunks(self._client.scan_iter(match=f"{_PREFIX}*", count=1000)):
                self._client.unlink(*keys)

    def finish_rebuild(self, token: str) -> None:
        with self._as_store_errors():
            is_ours = self._run(_FINISH, [_GENERATION], [building_generation(token), token.encode()])
        if not is_ours:
            raise FeatureStoreLostError("another rebuild is under way")

    def rebuilding(self, token: str) -> "ValkeyStore":
        view = copy(self)
        view._building = building_generation(token)
        return view

    @contextmanager
    def _as_store_errors(self) -> Iterator[None]:
        if self._breaker is not None and not self._breaker.allows():
            raise FeatureStoreError("it failed just before and was not asked again")
        try:
            yield
        except redis.RedisError as error:
            if self._breaker is not None:
                self._breaker.failed()
            raise FeatureStoreError(str(error)) from error
        if self._breaker is not None:
            self._breaker.succeeded()

    def _run(self, script: str, keys: Sequence[bytes], arguments: Sequence[bytes | memoryview]) -> Any:
        rest = [b"%d" % len(keys), *keys, *arguments]
        try:
            return self._ask([b"EVALSHA", _sha1(script), *rest])
        except redis.exceptions.NoScriptError:
            return self._ask([b"EVAL", script.encode(), *rest])

    def _ask(self, command: Sequence[bytes | memoryview]) -> Any:
        """Send one command and return the answer. A batch has thousands of parts: the client's own way costs twice."""
        connection: Any = self._client.connection_pool.get_connection()
        try:
            connection.send_packed_command([_packed(command)])
            return connection.read_response()
        except redis.exceptions.ResponseError:
            raise
        except BaseException:
            # Whatever broke off may leave half an answer behind, which the next one to ask would read as its own.
            connection.disconnect()
            raise
        finally:
            self._client.connection_pool.release(connection)


def _rows(answer: Sequence[Any]) -> dict[int, bytes | None]:
    return dict(zip(answer[::2], answer[1::2], strict=True))


def _packed(command: Sequence[bytes | memoryview]) -> bytes:
    """A command as it goes over the wire. Source: RESP, https://valkey.io/topics/protocol/"""
    parts: list[bytes | memoryview] = [b"*%d\r\n" % len(command)]
    for part in command:
        parts += (b"$%d\r\n" % len(part), part, b"\r\n")
    return b"".join(parts)


@cache
def _sha1(script: str) -> bytes:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest().encode()


def _receipt_key(receipt: str) -> bytes:
    return f"{_PREFIX}receipt:{receipt}".encode()


def _chunks(keys: Iterable[bytes], size: int = 1000) -> Iterator[list[bytes]]:
    """Keys in lists to drop at once, without the generation's own."""
    chunk: list[bytes] = []
    for key in keys:
        if key != _GENERATION:
            chunk.append(key)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
