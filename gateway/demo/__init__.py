"""The demo market: figures taken from real measurements, and the bots that trade on them."""
