"""Who comes to a market under load: each one an ordinary client of the exchange's own, told apart by what it does."""
