"""The risk parameters from data: forward prices, volatilities, scenarios. Data in, integers out; no clock, no I/O."""

from exchange.parameters.inputs import TradeInput, TrancheInput
from exchange.parameters.overrides import Override
from exchange.parameters.settings import ParameterSettings
from exchange.parameters.table import Explanation, Parameters, TrancheParameters, compute

__all__ = [
    "Explanation",
    "Override",
    "ParameterSettings",
    "Parameters",
    "TradeInput",
    "TrancheInput",
    "TrancheParameters",
    "compute",
]
