"""How commands may end, and what they may tell before."""

from exchange.venue.schema import Command, Event, Reject
from tests.exchange.venue.told import BEHIND_A_HEAD

KNOWN_KINDS = frozenset(Command) - BEHIND_A_HEAD
FORETOLD = frozenset(
    {
        Reject.UNKNOWN_COMMAND,
        Reject.INCOMPLETE_GROUP,
        Reject.TIME_OUT_OF_RANGE,
        Reject.CLIENT_ID_REUSED,
        Reject.TOO_MANY_CLIENT_IDS,
    }
)
"""Refusals that the twin always knows beforehand."""
OUTCOMES: dict[int, set[Event]] = {
    Command.PLACE: {Event.RESTED, Event.FILLED, Event.KILLED},
    Command.CANCEL: {Event.CANCELLED},
    Command.REPLACE: {Event.REPLACED, Event.REDUCED, Event.FILLED, Event.KILLED, Event.CANCELLED},
    Command.MASS_CANCEL: {Event.MASS_CANCELLED},
    Command.MASS_QUOTE: {Event.MASS_QUOTED},
    Command.BASKET: {Event.BASKET_FILLED, Event.BASKET_KILLED},
    Command.TICK: {Event.TICKED},
    Command.OPEN_ACCOUNT: {Event.ACCOUNT_OPENED},
    Command.DEPOSIT: {Event.DEPOSITED},
    Command.WITHDRAW: {Event.WITHDREW},
    Command.DEFINE_REGION: {Event.REGION_DEFINED},
    Command.DEFINE_SERIES: {Event.SERIES_DEFINED},
    Command.SET_REFERENCE: {Event.REFERENCE_SET},
    Command.HALT: {Event.STATE_CHANGED},
    Command.RESUME: {Event.STATE_CHANGED},
    Command.HALT_MARKET: {Event.MARKET_HALTED},
    Command.RESUME_MARKET: {Event.MARKET_RESUMED},
    Command.SET_PARAMETERS: {Event.PARAMETERS_SET},
    Command.SET_FEES: {Event.FEES_SET},
    Command.ENDOW_FUND: {Event.FUND_ENDOWED},
    Command.SET_UTILISATION: {Event.UTILISATION_SET},
    Command.SET_STRAIN: {Event.STRAIN_SET},
    Command.SET_FINANCING: {Event.FINANCING_SET},
    Command.SET_CANCEL_AFTER: {Event.CANCEL_AFTER_SET},
    Command.CALL_MARGIN: {Event.ADD_ON_SET},
    Command.SET_DELIVERY_TERMS: {Event.TERMS_SET},
    Command.REGISTER_REPORTER: {Event.REPORTER_SET},
    Command.NOTE_DOWNTIME: {Event.DOWNTIME_NOTED},
}
"""How a command may end, beside a refusal or a repetition, which say nothing else."""
MEETING = {Event.TRADE, Event.PREVENTED, Event.CANCELLED, Event.REFRESHED, Event.RESERVE_REMOVED, Event.REDUCED}
GATE = {Event.CANCELLED, Event.RESERVE_REMOVED, Event.POSITION_SETTLED, Event.STATE_CHANGED}
AUCTION = {Event.ALLOTTED, Event.AUCTION_TRADE, Event.UNCROSSED, Event.INDICATIVE}
SUPERVISION = MEETING | {
    *(Event.STANDING_CHANGED, Event.FORCED_ORDER, Event.DELEVERAGED, Event.FUND_MOVED, Event.SHORTFALL),
    *(Event.FILLED, Event.KILLED),
}
INTEREST = {Event.FINANCING_RATED, Event.FINANCED}
RE_MARKING = (Command.SET_PARAMETERS, Command.SET_UTILISATION, Command.SET_STRAIN, Command.CALL_MARGIN)
BRINGING_MORE = frozenset({Command.TICK, *RE_MARKING})
"""Commands that deal with whoever is short before they end."""
BEFORE_OUTCOME: dict[int, set[Event]] = {
    Command.PLACE: MEETING | {Event.TRIMMED},
    Command.CANCEL: {Event.RESERVE_REMOVED},
    Command.REPLACE: MEETING | {Event.TRIMMED, Event.WITHDRAWN},
    Command.MASS_CANCEL: {Event.CANCELLED, Event.RESERVE_REMOVED},
    Command.MASS_QUOTE: MEETING | {Event.WITHDRAWN, Event.RESTED, Event.REPLACED, Event.FILLED, Event.KILLED},
    Command.BASKET: (MEETING - {Event.PREVENTED}) | {Event.FILLED},
    Command.TICK: GATE
    | AUCTION
    | INTEREST
    | SUPERVISION
    | {Event.TRANCHE_LISTED, Event.LISTING_REFUSED, Event.CANCELLED_AFTER},
    **dict.fromkeys(
        RE_MARKING,
        SUPERVISION | {Event.TRANCHE_LISTED, Event.LISTING_REFUSED, Event.STATE_CHANGED},
    ),
    Command.RESUME_MARKET: {Event.STATE_CHANGED},
}
"""What a command may tell before it ends."""
RE_MARKED = frozenset({Event.PARAMETERS_SET, Event.UTILISATION_SET, Event.STRAIN_SET, Event.ADD_ON_SET})
"""Outcomes whose commands have their effect before they deal with whoever it left short."""
WITHOUT_EFFECT = (
    RE_MARKED
    | frozenset({Event.FILLED, Event.KILLED, Event.REJECTED, Event.REPEATED})
    | {*(Event.MASS_CANCELLED, Event.MASS_QUOTED, Event.BASKET_FILLED, Event.BASKET_KILLED)}
)
