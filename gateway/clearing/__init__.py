"""What becomes of what was traded, at the doors: capacity, allocations, measured delivery, reservations."""
