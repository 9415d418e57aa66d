"""How the kernel is compiled."""

from pathlib import Path
from typing import Any
from zlib import crc32

import numba


def _compiler() -> Any:
    """`njit`, keeping compiled code where NUMBA_CACHE_DIR names a folder, under the sources it was compiled from.

    numba looks at the age of one file only: with a constant or a function of another module changed it would run stale
    code.
    """
    config: Any = numba.config
    if not config.CACHE_DIR:
        return numba.njit
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    config.CACHE_DIR = str(Path(config.CACHE_DIR) / f"{crc32(sources):08x}")
    return numba.njit(cache=True)


compiled = _compiler()
