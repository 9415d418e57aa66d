"""Finds a Chromium for the browser tests; `python -m tests.browser` installs one when there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MAC_APPLICATIONS = [
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
]
# As root Chromium has no sandbox; the rest keeps it from talking to anybody but us.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> Path | None:
    """Return a browser's program: `CHROMIUM`, one on the PATH, playwright's, an application; else None."""
    named = os.environ.get("CHROMIUM")
    on_path = [Path(found) for name in NAMES if (found := shutil.which(name))]
    candidates = [*([Path(named)] if named else on_path), playwrights_own(), *MAC_APPLICATIONS]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def playwrights_own() -> Path:
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path)


def install() -> None:
    """Try the ways that fit this machine; whether one worked is seen by looking again."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *command], env=environment, stdout=subprocess.DEVNULL, check=False)
    if not find_chromium():
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> int:
    if not find_chromium():
        print("No Chromium was found; installing one.", flush=True)
        install()
    if find_chromium():
        return 0
    print("SKIPPED: the browser tests. No Chromium was found or could be installed; CHROMIUM can name one.")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
