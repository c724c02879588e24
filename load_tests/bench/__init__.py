"""`make bench`: every part that serves, beside its baseline in the same run, as one file of results and one table."""
