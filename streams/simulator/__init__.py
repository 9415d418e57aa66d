"""A seeded world of cards that pay and are defrauded: demo and test payments, and history to train on.

Pure: no Django, no broker; the clock is read by `paced` only.
"""

from streams.simulator.records import SimulatedPayment
from streams.simulator.sinks import encode, write_payments
from streams.simulator.stream import generate, paced, payments
from streams.simulator.world import World

__all__ = ["SimulatedPayment", "World", "encode", "generate", "paced", "payments", "write_payments"]
