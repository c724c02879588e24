"""The ground under matching and risk: how records are laid out and how kernels are compiled."""
