"""`launch.py PARENT_PID SIGNAL UID:GID|- PROGRAM ARGS...` becomes a program that ends when its parent does.

Run by path, never imported by the product, standard library only. A program of its own rather than
`preexec_fn`, which is unsafe (and warned about) in a process with threads.
"""

import contextlib
import ctypes
import os
import sys
import time

PR_SET_PDEATHSIG = 1


def drop_privileges(owner: str) -> None:
    if owner == "-":
        return
    uid, gid = (int(part) for part in owner.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def end_with_parent(parent: int, signal_number: int) -> None:
    """Ask for `signal_number` at the parent's death. Follows the change of user, which clears the request."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    else:
        _watch_from_aside(parent, signal_number)


def _watch_from_aside(parent: int, signal_number: int) -> None:
    """Leave a watcher behind where the kernel has no such request.

    Forked twice: the program must not become its parent and find an unknown child.
    """
    program = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    # The inherited log pipe would otherwise stay open after the program ended.
    os.closerange(0, 3)
    while _is_alive(program):
        if not _is_alive(parent):
            with contextlib.suppress(OSError):
                os.kill(program, signal_number)
            break
        time.sleep(0.5)
    os._exit(0)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    parent, signal_number, owner, *program = sys.argv[1:]
    drop_privileges(owner)
    end_with_parent(int(parent), int(signal_number))
    try:
        os.execv(program[0], program)  # noqa: S606 (no shell is the point)
    except OSError as error:
        sys.exit(f"Cannot run {program[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
