"""The stream a deployment names in STREAM_URL: valkey://... or kafka://host:port[,host:port]."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from streams.source import Publisher, Source


def connect_source(stream: str) -> Source:
    """A reader of a stream."""
    scheme, address = _parts()
    if scheme == "kafka":
        from streams.kafka import KafkaSource

        return KafkaSource(address, stream)
    from streams.valkey import ValkeySource

    return ValkeySource(address, stream, partitions=settings.STREAM_PARTITIONS)


def connect_publisher() -> Publisher:
    """A writer to streams."""
    scheme, address = _parts()
    if scheme == "kafka":
        from streams.kafka import KafkaPublisher

        return KafkaPublisher(address)
    from streams.valkey import ValkeyPublisher

    return ValkeyPublisher(address, partitions=settings.STREAM_PARTITIONS)


def _parts() -> tuple[str, str]:
    url = settings.STREAM_URL
    scheme = urlsplit(url).scheme
    if scheme == "valkey":
        return scheme, url.replace("valkey://", "redis://", 1)
    if scheme == "kafka":
        return scheme, url.removeprefix("kafka://").rstrip("/")
    raise ImproperlyConfigured("STREAM_URL must begin with valkey:// or kafka://")
