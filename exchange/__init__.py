"""The venue: what is traded, the state machine that composes risk and matching, its journal, and the command line."""
