"""What becomes of a tranche after the trade: capacity, gate closure, allocations, measured delivery, settlement."""
