"""Accounts at the doors: their names, and their days line by line."""
