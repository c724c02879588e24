"""What goes through the doors as text or bytes, and what of it comes to what in the engine."""
