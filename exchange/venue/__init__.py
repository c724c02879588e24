"""The deterministic core: `apply(state, commands) -> events`. No clock, no I/O, no randomness, no floats for money."""
