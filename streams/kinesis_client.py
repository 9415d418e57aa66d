"""What reading and writing Kinesis share: the client, the failures that pass, how long to wait after them."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.25, 5.0

THROTTLED = {
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "KMSThrottlingException",
    "ThrottlingException",
}
FAILURES = (BotoCoreError, ClientError)


def connect(region: str, endpoint_url: str, *, attempts: int) -> Any:
    """A client with the credentials of boto3's usual chain: environment, profile, role of the container or host."""
    config = Config(
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    session = get_session()
    # Seconds since 1970, as the answer has them: a datetime each, in local time, takes as long as all other parsing.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=float)
    client = boto3.Session(botocore_session=session).client
    return client("kinesis", region_name=region, endpoint_url=endpoint_url or None, config=config)


def code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
