"""Risk at the doors: for its account, and for those who watch over all."""
