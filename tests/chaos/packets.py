"""Losing the packets of a socket, which then not even its kernel acknowledges. Linux only."""

import ctypes
import socket
import struct

_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
# One instruction of the classic packet filter, `return 0`: keep no byte of any packet.
_RETURN_NOTHING = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
_PROGRAM = struct.pack("@HP", 1, ctypes.addressof(_RETURN_NOTHING))


def lose_packets(one: socket.socket) -> None:
    """From now on nothing arrives: connections see neither data nor answers, a listener no new connections."""
    one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM)


def keep_packets(one: socket.socket) -> None:
    """Let a socket hear again."""
    one.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
