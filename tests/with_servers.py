"""`python -m tests.with_servers COMMAND...`: a command with empty servers and throwaway keys around it."""

import os
import secrets
import subprocess
import sys

from fraudapp.embedded import start_test_servers


def main() -> int:
    with start_test_servers() as servers:
        given = {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "STREAM_URL": servers.stream_url,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "MODEL_SIGNING_KEY": secrets.token_urlsafe(48),
            "ALLOWED_HOSTS": "localhost",
            "DJANGO_SETTINGS_MODULE": "fraudapp.settings",
        }
        return subprocess.run(sys.argv[1:], env={**os.environ, **given}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
