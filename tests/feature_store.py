"""A feature store of a deployment that has decided nothing yet."""

from secrets import token_hex

from scoring.features.live import StateStore


def open_empty(store: StateStore) -> None:
    """Make a store whole that holds nothing, as the product does where the record is empty."""
    token = token_hex(8)
    store.begin_rebuild(token)
    store.finish_rebuild(token)
