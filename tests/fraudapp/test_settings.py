"""A deployment's values: what is missing or bad stops the start and is named."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEY", "", "at least 32 characters"),
        ("MODEL_SIGNING_KEY", "short", "at least 32 characters"),
        ("STREAM_URL", "ftp://somewhere", "must begin with valkey:// or kafka://"),
        ("STREAM_PARTITIONS", "four", "Not a valid integer"),
        ("WEBHOOK_ALLOWED_NETWORKS", "10.1.0.0/16,10.0.0.1/8", "write networks such as 10.1.0.0/16"),
        ("WEBHOOK_CA_FILE", "/nowhere.pem", "cannot be read as certificates"),
        ("WEBHOOK_CA_FILE", __file__, "cannot be read as certificates"),
    ],
)
def test_a_bad_value_stops_the_start_and_is_named(name, value, said):
    started = subprocess.run(
        [sys.executable, "-c", "import fraudapp.settings"],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=False,
    )

    assert started.returncode != 0
    assert name in started.stderr.splitlines()[-1]
    assert said in started.stderr.splitlines()[-1]


def test_a_missing_value_stops_the_start_and_is_named():
    given = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}

    started = subprocess.run(
        [sys.executable, "-c", "import fraudapp.settings"], env=given, capture_output=True, text=True, check=False
    )

    assert started.returncode != 0
    assert 'Environment variable "DATABASE_URL" not set' in started.stderr
