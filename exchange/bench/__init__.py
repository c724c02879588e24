"""Measurements of the parts that serve, on recorded input, with results that can be checked."""
