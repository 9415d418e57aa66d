"""What the demo looks at before and while it starts."""

import http.client
import os
import shutil
from pathlib import Path

from fraudapp.embedded.process import is_port_free

BASE_DIR = Path(__file__).resolve().parent.parent
DISK_BYTES = 1_000_000_000


class DemoError(Exception):
    """The demo cannot start or go on; the text says why and what to do."""


def chosen_port() -> int:
    """Return `PORT`, 8000 unless set. Raises: DemoError when it is no port or busy."""
    text = os.environ.get("PORT") or "8000"
    if not (text.isdecimal() and 0 < int(text) < 65_536):
        raise DemoError(f"PORT is {text}; it must be a number from 1 to 65535.")
    if not is_port_free(int(text)):
        raise DemoError(f"Port {text} is busy or not allowed; choose another one: PORT=8123 make demo")
    return int(text)


def require_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < DISK_BYTES:
        raise DemoError(f"Only {free / 1e9:.1f} GB are free in {folder}; the demo needs 1 GB.")


def is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def are_static_files_stale() -> bool:
    """Whether a source is newer than the collected files; packages' files change with the requirements."""
    manifest = BASE_DIR / "staticfiles/staticfiles.json"
    if not manifest.exists():
        return True
    sources = [BASE_DIR / "requirements.txt", *BASE_DIR.glob("static/**/*"), *BASE_DIR.glob("*/static/**/*")]
    return max(source.stat().st_mtime for source in sources) > manifest.stat().st_mtime
