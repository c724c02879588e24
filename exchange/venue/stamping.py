"""The ids of orders that came without one."""

import numpy as np

from exchange.venue.schema import Command
from kernels.compile import direct, kernel

PLACE, LEG = int(Command.PLACE), int(Command.LEG)


@direct
@kernel
def stamp_ids(batch, first_sequence):
    """Give every new order that has no id its sequence as id, and so every leg of a basket."""
    for at in range(len(batch.orders)):
        order = batch.orders[at]
        if order["order_id"] == 0 and (order["kind"] == PLACE or order["kind"] == LEG):
            order["order_id"] = np.uint64(first_sequence + at)
