"""Orders at the doors, one or many, and the plain road that most of them take."""
