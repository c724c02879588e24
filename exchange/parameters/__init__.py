"""The risk parameters from data: forward prices, volatilities, scenarios. Data in, integers out; no clock, no I/O."""
