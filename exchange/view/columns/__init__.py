"""The part of the read model that every order moves: arrays, and compiled code that follows commands and events.

    batch ─▶ follow ─▶ orders, levels, positions, trades, candles
               └──────▶ what is rare: back to Python, in its place between the others

Rows of all pools are numbered from 1, are linked by their numbers, and are used again. What an order or a trade says of
its tranche is the tranche's row among the instruments, which is kept for as long as something refers to it.
"""
