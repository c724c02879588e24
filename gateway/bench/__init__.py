"""What the doors cost: the exchange as it serves, beside bare aiohttp in the same run."""
