"""What those who run the exchange do at the doors, and the log of it."""
