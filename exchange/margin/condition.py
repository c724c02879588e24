"""How an account stands against what it must have: sound, called, to be liquidated, or bankrupt."""

from enum import StrEnum

from risk.schema import PPM


class Condition(StrEnum):
    """Where equity stands, the worst last."""

    SOUND = "sound"
    MARGIN_CALL = "margin_call"
    """Equity is below the initial requirement."""
    LIQUIDATION = "liquidation"
    """Equity is below maintenance."""
    BANKRUPT = "bankrupt"
    """Equity is below nothing."""


def condition_of(equity_nano: int, margin_nano: int, maintenance_nano: int) -> Condition:
    """The worst that is true of an account."""
    if equity_nano < 0:
        return Condition.BANKRUPT
    if equity_nano < maintenance_nano:
        return Condition.LIQUIDATION
    return Condition.MARGIN_CALL if equity_nano < margin_nano else Condition.SOUND


def distance_ppm(equity_nano: int, maintenance_nano: int) -> int | None:
    """How far equity is above maintenance, in parts of a million of it, rounded down; None where nothing is needed."""
    return (equity_nano - maintenance_nano) * PPM // maintenance_nano if maintenance_nano else None
