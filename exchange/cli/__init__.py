"""The commands of the exchange itself; `gateway.cli` mounts them in `bwx` beside those that use the doors."""
