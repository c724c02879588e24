"""Accounts, balances and positions: what an order may cost, and what a trade did."""
