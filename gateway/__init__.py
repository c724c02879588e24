"""The doors of the exchange: they decode, submit and encode."""
