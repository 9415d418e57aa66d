"""What STREAM_URL and the environment around it lead to."""

import json
import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from streams.connect import connect_publisher, connect_source
from streams.kafka import KafkaPublisher, KafkaSource
from streams.kinesis import KinesisSource
from streams.kinesis_publisher import KinesisPublisher
from streams.valkey import ValkeyPublisher, ValkeySource

SHOW = (
    "import json; from django.conf import settings as s; "
    "print(json.dumps([s.STREAM_URL, s.KAFKA_CLIENT, s.KINESIS_ENDPOINT_URL]))"
)


def started(**environment: str) -> subprocess.CompletedProcess:
    """A process that shows its settings."""
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "fraudapp.settings", **environment}
    return subprocess.run([sys.executable, "-c", SHOW], env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("url", "source_kind", "publisher_kind"),
    [
        ("valkey://127.0.0.1:6379/0", ValkeySource, ValkeyPublisher),
        ("kafka://127.0.0.1:1,127.0.0.1:2", KafkaSource, KafkaPublisher),
        ("kinesis://eu-central-1", KinesisSource, KinesisPublisher),
        ("kinesis://eu-central-1/", KinesisSource, KinesisPublisher),
    ],
)
def test_the_scheme_of_the_address_names_the_broker(url, source_kind, publisher_kind, settings, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings.STREAM_URL = url

    source, publisher = connect_source("transactions"), connect_publisher()

    assert (type(source), type(publisher)) == (source_kind, publisher_kind)
    source.close()
    publisher.close()


def test_another_scheme_is_refused(settings):
    settings.STREAM_URL = "amqp://somewhere"

    with pytest.raises(ImproperlyConfigured, match="kinesis://"):
        connect_source("transactions")


def test_properties_of_kafkas_client_come_from_the_environment():
    shown = started(
        STREAM_URL="kafka://one:9092,two:9092",
        KAFKA_CLIENT_SECURITY_PROTOCOL="SASL_SSL",
        KAFKA_CLIENT_SSL_CA_LOCATION="/etc/ca.pem",
        KAFKA_CLIENT_SASL_USERNAME="",
    )

    url, client, _ = json.loads(shown.stdout)
    assert url == "kafka://one:9092,two:9092"
    assert client == {"security.protocol": "SASL_SSL", "ssl.ca.location": "/etc/ca.pem"}


def test_a_region_and_another_address_of_kinesis_come_from_the_environment():
    shown = started(STREAM_URL="kinesis://eu-central-1", KINESIS_ENDPOINT_URL="https://vpce.example.com")

    assert json.loads(shown.stdout) == ["kinesis://eu-central-1", {}, "https://vpce.example.com"]


@pytest.mark.parametrize("url", ["kinesis://", "kinesis://EU_CENTRAL", "kafka://", "http://somewhere"])
def test_a_bad_address_stops_the_start(url):
    shown = started(STREAM_URL=url)

    assert shown.returncode != 0
    assert "STREAM_URL" in shown.stderr.splitlines()[-1]
