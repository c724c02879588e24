"""Queues and prices: the order book of every instrument, as one compiled kernel."""
