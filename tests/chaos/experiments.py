"""All experiments by name."""

from typing import Protocol

from tests.chaos import authorising, contents, crowding, outages, silence, stores, workers
from tests.chaos.counting import Outcome
from tests.chaos.world import World


class Experiment(Protocol):
    """Does something to a world that is at rest, and counts what became of what it sent."""

    def __call__(self, world: World, *, is_short: bool) -> Outcome: ...


EXPERIMENTS: dict[str, Experiment] = {
    "kills": workers.kill_the_worker,
    "rebalances": workers.share_and_kill,
    "emptied": stores.lose_the_features,
    "rewound": stores.rewind_the_features,
    "rewound-unseen": stores.rewind_the_features_unseen,
    "shuffled": contents.shuffle,
    "ids-twice": contents.use_ids_twice,
    "poison": contents.poison_some,
    "broker": outages.kill_the_broker,
    "database": outages.stop_the_database,
    "letters": contents.refuse_dead_letters,
    "rebuild": stores.rewind_a_rebuild,
    "slow": stores.slow_down_the_features,
    "velocity": authorising.attack_by_velocity,
    "one-id": authorising.send_one_id_at_once,
    "store-and-calls": authorising.kill_the_store_under_calls,
    "many-callers": crowding.call_at_once,
    "web-killed": crowding.kill_the_web,
    "database-frozen": silence.freeze_the_database,
    "database-killed": silence.kill_the_database,
    "database-silent": silence.silence_the_database,
    "model": authorising.damage_the_model,
    "all-poison": contents.poison_all,
    "kafka": outages.stop_kafka,
}
# Their log is another one or left in the middle, or they leave a model: what comes after them begins with nothing.
LEAVES_RUBBISH = {"model", "all-poison", "kafka"}
LONG_ONLY = {"kafka"}
