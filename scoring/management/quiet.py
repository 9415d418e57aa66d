"""How a process that the task worker started behaves beside payments: nice to others, and gone when its parent is."""

import gc
import os
import sys
import threading

NICENESS = 10
COLLECT_AFTER = 1_000_000


def be_quiet() -> None:
    """Take what others leave of the processor, and end when the standard input does, however the parent ends."""
    os.nice(NICENESS)
    threading.Thread(target=end_with_input, name="end-with-parent", daemon=True).start()
    # A chunk is a hundred thousand objects, none of them in a cycle, which the collector would look through.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def end_with_input() -> None:
    """Leave at once: nothing is half written, and who claims the job next begins it again."""
    # Not `sys.stdin`, whose lock the interpreter wants when it ends.
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(1)
