"""`python -m tests.contracts.kinesis_server`: moto's Kinesis on a free port, which it prints; ends with its stdin.

Corrected where moto does not do what AWS does: sequence numbers are long; a closed shard keeps its records, takes no
new ones, and its last iterator is followed by none. It answers one call at a time: moto's streams are plain
dictionaries, and a write beside a read or a split would show shards that come and go.
"""

import itertools
import logging
import sys
from collections import OrderedDict
from threading import Lock

from moto.kinesis.models import KinesisBackend, Record, Shard, Stream
from moto.kinesis.responses import KinesisResponse
from moto.kinesis.utils import decompose_shard_iterator
from moto.server import ThreadedMotoServer

# 56 digits, as AWS has them.
FIRST_SEQUENCE_NUMBER = 49590338271490256608559692538361571095921575989136588898

_sequence_numbers = itertools.count(FIRST_SEQUENCE_NUMBER)
_home_of, _split, _merge, _get_records = (
    Stream.get_shard_for_key,
    Stream.split_shard,
    Stream.merge_shards,
    KinesisBackend.get_records,
)
_call_action = KinesisResponse.call_action
_one_call = Lock()


def call_action(self):
    with _one_call:
        return _call_action(self)


def put_record(self, partition_key, data, explicit_hash_key):
    number = next(_sequence_numbers)
    self.records[number] = Record(partition_key, data, number, explicit_hash_key)
    return str(number)


def get_shard_for_key(self, partition_key, explicit_hash_key):
    every = self.shards
    self.shards = {name: shard for name, shard in every.items() if shard.is_open}
    try:
        return _home_of(self, partition_key, explicit_hash_key)
    finally:
        self.shards = every


def closing(reshard):
    def corrected(self, *arguments):
        closed = [self.shards[name] for name in arguments if name in self.shards]
        kept = [shard.records for shard in closed]
        for shard in closed:
            shard.records = OrderedDict()
        reshard(self, *arguments)
        for shard, records in zip(closed, kept, strict=True):
            shard.records = records

    return corrected


def get_records(self, stream_arn, shard_iterator, limit):
    following, records, behind = _get_records(self, stream_arn, shard_iterator, limit)
    stream_name, shard_id, last = decompose_shard_iterator(following)
    shard = self.describe_stream(stream_arn=stream_arn, stream_name=stream_name).get_shard(shard_id)
    if not shard.is_open and int(last) >= shard.get_max_sequence_number():
        following = None
    return following, records, behind


def main() -> None:
    Shard.put_record = put_record
    Stream.get_shard_for_key = get_shard_for_key
    Stream.split_shard, Stream.merge_shards = closing(_split), closing(_merge)
    KinesisBackend.get_records = get_records
    KinesisResponse.call_action = call_action
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    sys.stdout.write(f"{server.get_host_and_port()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
