"""How much of the doors one account, one key and one address may use, and what is told of it."""
