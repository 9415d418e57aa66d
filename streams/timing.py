"""How long the stream worker waits for what. A bad value in the environment stops the start."""

from environs import Env, validate

_env = Env()


def _seconds(name: str, default: float) -> float:
    return _env.float(name, default=default, validate=validate.Range(min=0.1))


# A worker says this often that it lives. A dead one's partitions go to the others once its lease has run out: three
# renewals may fail on the way, and a batch must fit between.
RENEW_SECONDS = _seconds("STREAM_RENEW_SECONDS", 3.0)
LEASE_SECONDS = _seconds("STREAM_LEASE_SECONDS", 15.0)
# A worker whose loop made no turn for so long hangs; the largest batch takes seconds.
STALL_SECONDS = _seconds("STREAM_STALL_SECONDS", 120.0)
# A label may come before its payment: with another producer, another topic. Past this the payment is not ours.
LABEL_PATIENCE_SECONDS = _seconds("LABEL_PATIENCE_SECONDS", 86_400.0)
# So many refused records with no valid batch between are a producer gone wrong, not bad luck. Set it higher for one
# start to let a known stretch of them through to the dead letters.
POISON_THRESHOLD = _env.int("STREAM_POISON_THRESHOLD", default=100, validate=validate.Range(min=1))
