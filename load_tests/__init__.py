"""Measurements of the running parts against baselines, each in the same run."""
