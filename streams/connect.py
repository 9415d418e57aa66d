"""The stream a deployment names in STREAM_URL: valkey://..., kafka://host:port[,host:port] or kinesis://region."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from streams.source import Publisher, Source


def connect_source(stream: str) -> Source:
    """A reader of a stream. Raises: ImproperlyConfigured."""
    scheme, address = _parts()
    if scheme == "kafka":
        from streams.kafka import KafkaSource

        return KafkaSource(address, stream, properties=settings.KAFKA_CLIENT)
    if scheme == "kinesis":
        from streams.kinesis import KinesisSource

        return KinesisSource(address, stream, endpoint_url=settings.KINESIS_ENDPOINT_URL)
    from streams.valkey import ValkeySource

    return ValkeySource(address, stream, partitions=settings.STREAM_PARTITIONS)


def connect_publisher() -> Publisher:
    """A writer to streams. Raises: ImproperlyConfigured."""
    scheme, address = _parts()
    if scheme == "kafka":
        from streams.kafka import KafkaPublisher

        return KafkaPublisher(address, properties=settings.KAFKA_CLIENT)
    if scheme == "kinesis":
        from streams.kinesis_publisher import KinesisPublisher

        return KinesisPublisher(address, endpoint_url=settings.KINESIS_ENDPOINT_URL)
    from streams.valkey import ValkeyPublisher

    return ValkeyPublisher(address, partitions=settings.STREAM_PARTITIONS)


def _parts() -> tuple[str, str]:
    url = settings.STREAM_URL
    scheme = urlsplit(url).scheme
    if scheme == "valkey":
        return scheme, url.replace("valkey://", "redis://", 1)
    if scheme in {"kafka", "kinesis"}:
        return scheme, url.removeprefix(f"{scheme}://").rstrip("/")
    raise ImproperlyConfigured("STREAM_URL must begin with valkey://, kafka:// or kinesis://")
