"""Which model decides which card: the champion, and a challenger for a share of the cards. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Model = TypeVar("Model")
_HASH_BYTES = 8
_HASHES = float(1 << (8 * _HASH_BYTES))


def is_drawn(card: str, *, salt: str, share: float) -> bool:
    """Say whether a card is among `share` (0-1) of all cards: always the same ones for a salt, others for another.

    A larger share holds the cards of a smaller one, so a share can grow without moving cards back.
    """
    digest = hashlib.blake2b(f"{salt}\0{card}".encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest) < share * _HASHES


@dataclass(frozen=True)
class LineUp(Generic[Model]):
    """Who decides at a moment. It never changes: whoever decides a batch takes one and stays with it.

    share: of the cards, 0-0.5, the challenger's. salt: names the challenge, so that its cards are drawn independently
    of those of another.
    """

    champion: Model | None
    challenger: Model | None = None
    share: float = 0.0
    salt: str = ""

    def split(self, cards: Sequence[str]) -> list[tuple[Model | None, list[int]]]:
        """Each model with the rows that it decides; every row once, none without rows."""
        if self.challenger is None:
            return [(self.champion, list(range(len(cards))))] if cards else []
        drawn = [is_drawn(card, salt=self.salt, share=self.share) for card in cards]
        parts = [
            (self.champion, [row for row, is_challengers in enumerate(drawn) if not is_challengers]),
            (self.challenger, [row for row, is_challengers in enumerate(drawn) if is_challengers]),
        ]
        return [(model, rows) for model, rows in parts if rows]
