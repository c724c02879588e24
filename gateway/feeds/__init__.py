"""What the doors tell by themselves: channels, who follows them, and what waits for whom."""
