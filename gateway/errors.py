"""Every refusal that leaves the doors: a name, a number, an HTTP status, and what to do about it.

    1xx to 3xx  what the core refuses; the name and number are those of `exchange.venue.schema.Reject`
    5xx         what clearing refuses, which is of the core
    4xx         what the doors refuse before the core hears of it: `DoorError`

An error is raised as `ApiError` and leaves as `{"error": {"code", "number", "message", "param"}}`.
"""

from enum import IntEnum
from typing import NamedTuple

from exchange.venue.schema import Reject


class DoorError(IntEnum):
    """Why the doors refuse a request. Never renumber."""

    MALFORMED_JSON = 401
    NOT_AN_OBJECT = 402
    DUPLICATE_KEY = 403
    UNKNOWN_FIELD = 404
    MISSING_FIELD = 405
    WRONG_TYPE = 406
    INVALID_VALUE = 407
    NUMBER_NOT_STRING = 408
    MALFORMED_DECIMAL = 409
    SCIENTIFIC_NOTATION = 410
    TOO_MANY_DECIMALS = 411
    MALFORMED_CLIENT_ID = 412
    MALFORMED_TIME = 413
    MALFORMED_CURSOR = 414
    BODY_TOO_LARGE = 415
    FRAME_TOO_LARGE = 416
    INVALID_FRAME = 417
    NOT_FOUND = 420
    METHOD_NOT_ALLOWED = 421
    BAD_REQUEST = 422
    UNKNOWN_OPERATION = 423
    UNKNOWN_CHANNEL = 424
    NOT_SUBSCRIBED = 425
    EXPECTATION_FAILED = 426
    NOT_SIGNED = 430
    UNKNOWN_KEY = 431
    BAD_SIGNATURE = 432
    TIMESTAMP_OUT_OF_WINDOW = 433
    NONCE_REUSED = 434
    TOO_MANY_NONCES = 435
    ROLE_MISSING = 436
    FOREIGN_ORIGIN = 437
    NOT_LOGGED_IN = 438
    OTHER_ACCOUNT = 439
    TOO_MANY_CONNECTIONS = 440
    TOO_MANY_SUBSCRIPTIONS = 441
    TOO_MANY_IN_FLIGHT = 442
    SLOW_CONSUMER = 443
    SEQUENCE_NOT_REACHED = 444
    REPLAY_NOT_KEPT = 445
    SESSION_IN_USE = 446
    RATE_LIMITED = 447
    OVERLOADED = 450
    EXCHANGE_STOPPED = 451
    SHUTTING_DOWN = 452
    STORAGE_FULL = 453
    STATEMENT_BUSY = 454
    STATEMENT_IN_PROGRESS = 455
    STATEMENT_TOO_LONG = 456
    STATEMENT_NOT_KEPT = 457
    STATEMENT_TRIMMED = 458
    SCOPE_MISSING = 460
    EXCEEDS_KEY = 461
    TOO_MANY_KEYS = 462
    KEY_EXPIRED = 463
    ADDRESS_NOT_ALLOWED = 464
    WEAK_PUBLIC_KEY = 465
    TOO_SLOW = 466
    FILLS_NOT_KEPT = 470
    NOT_SIGNED_IN = 480
    CSRF_REFUSED = 481
    TOO_MANY_SIGN_INS = 482
    INTERNAL_ERROR = 499


class Answer(NamedTuple):
    """How an error is told when whoever raises it has nothing more precise to say."""

    status: int
    message: str
    param: str | None = None


DOOR_ANSWERS: dict[DoorError, Answer] = {
    DoorError.MALFORMED_JSON: Answer(400, "send one JSON object in UTF-8"),
    DoorError.NOT_AN_OBJECT: Answer(400, "send a JSON object, with its fields by name"),
    DoorError.DUPLICATE_KEY: Answer(400, "name every field once: nobody can tell which of two was meant"),
    DoorError.UNKNOWN_FIELD: Answer(422, "this request has no such field; check its spelling"),
    DoorError.MISSING_FIELD: Answer(422, "this field is needed"),
    DoorError.WRONG_TYPE: Answer(422, "this field has the wrong JSON type"),
    DoorError.INVALID_VALUE: Answer(422, "this field does not take that value"),
    DoorError.NUMBER_NOT_STRING: Answer(422, 'send the number as a decimal string, such as "0.040500"'),
    DoorError.MALFORMED_DECIMAL: Answer(422, 'send a plain decimal string, such as "0.040500" or "12"'),
    DoorError.SCIENTIFIC_NOTATION: Answer(422, "write the number out; exponents are not taken"),
    DoorError.TOO_MANY_DECIMALS: Answer(422, "the number has more decimal places than this field keeps"),
    DoorError.MALFORMED_CLIENT_ID: Answer(422, "send 1 to 36 printable ASCII characters without spaces"),
    DoorError.MALFORMED_TIME: Answer(422, "send a UTC time such as 2026-11-22T14:00:00Z"),
    DoorError.MALFORMED_CURSOR: Answer(422, "send a cursor as an earlier answer gave it", "cursor"),
    DoorError.BODY_TOO_LARGE: Answer(413, "send a smaller body"),
    DoorError.FRAME_TOO_LARGE: Answer(413, "send smaller frames"),
    DoorError.INVALID_FRAME: Answer(400, "a binary frame is a header and records, of 64 bytes each: docs/binary.md"),
    DoorError.NOT_FOUND: Answer(404, "there is nothing at this path; docs/api.md lists what there is"),
    DoorError.METHOD_NOT_ALLOWED: Answer(405, "use a method that the Allow header names"),
    DoorError.BAD_REQUEST: Answer(400, "the request does not follow HTTP"),
    DoorError.UNKNOWN_OPERATION: Answer(400, "send an operation of docs/api.md", "op"),
    DoorError.UNKNOWN_CHANNEL: Answer(400, "subscribe to a channel of docs/api.md", "channel"),
    DoorError.NOT_SUBSCRIBED: Answer(409, "this connection is not subscribed to that channel", "channel"),
    DoorError.EXPECTATION_FAILED: Answer(417, "nothing but 100-continue can be expected", "Expect"),
    DoorError.NOT_SIGNED: Answer(401, "sign the request: BWX-KEY, BWX-TIMESTAMP, BWX-NONCE and BWX-SIGNATURE"),
    DoorError.UNKNOWN_KEY: Answer(401, "no such key; an administrator can make one", "BWX-KEY"),
    DoorError.BAD_SIGNATURE: Answer(
        401, "the signature does not fit key, method, path, time, nonce and body", "BWX-SIGNATURE"
    ),
    DoorError.TIMESTAMP_OUT_OF_WINDOW: Answer(401, "set the clock, then sign again", "BWX-TIMESTAMP"),
    DoorError.NONCE_REUSED: Answer(401, "sign every request anew, with a nonce of its own", "BWX-NONCE"),
    DoorError.TOO_MANY_NONCES: Answer(429, "too many signed requests within the window; slow down"),
    DoorError.ROLE_MISSING: Answer(403, "this key's roles do not cover the request"),
    DoorError.FOREIGN_ORIGIN: Answer(403, "a page of another site cannot ask for this", "Origin"),
    DoorError.NOT_LOGGED_IN: Answer(401, "log in on this connection first"),
    DoorError.OTHER_ACCOUNT: Answer(409, "one connection serves one account; open another", "key"),
    DoorError.TOO_MANY_CONNECTIONS: Answer(429, "close another connection first"),
    DoorError.TOO_MANY_SUBSCRIPTIONS: Answer(429, "unsubscribe from another channel first, or open a connection"),
    DoorError.TOO_MANY_IN_FLIGHT: Answer(429, "wait for answers before sending more"),
    DoorError.SLOW_CONSUMER: Answer(429, "read faster, or subscribe to less; then start from a snapshot"),
    DoorError.RATE_LIMITED: Answer(
        429, "the budget is used up: wait for retry_after_ms; cancels and the kill switch are taken"
    ),
    DoorError.SEQUENCE_NOT_REACHED: Answer(503, "the market has not come that far; ask again", "min_seq"),
    DoorError.REPLAY_NOT_KEPT: Answer(
        410,
        "what happened so long ago is not told again; read it by REST, and subscribe from there on",
        "since_sequence",
    ),
    DoorError.SESSION_IN_USE: Answer(
        409, "another connection of the account has this number, or its orders are just being cancelled", "session"
    ),
    DoorError.OVERLOADED: Answer(503, "the queue of commands is full; retry with the same client id"),
    DoorError.EXCHANGE_STOPPED: Answer(503, "the exchange takes no commands now; retry with the same client id"),
    DoorError.SHUTTING_DOWN: Answer(503, "the gateway is closing; connect again and retry with the same client id"),
    DoorError.STORAGE_FULL: Answer(
        503, "the exchange's disk is full: cancels and halts are taken; retry with the same client id"
    ),
    DoorError.STATEMENT_BUSY: Answer(503, "another statement is being worked out; ask again in a while"),
    DoorError.STATEMENT_IN_PROGRESS: Answer(503, "the statement is being worked out; ask again"),
    DoorError.STATEMENT_TOO_LONG: Answer(422, "the day has more lines than a statement can have", "day"),
    DoorError.STATEMENT_NOT_KEPT: Answer(
        410, "the day began under rules that this version cannot decide by again; ask for a later one", "day"
    ),
    DoorError.STATEMENT_TRIMMED: Answer(
        410,
        "the commands that the day takes are not kept any more; ask for a later one, or the operator's backups",
        "day",
    ),
    DoorError.SCOPE_MISSING: Answer(403, "this key's scopes do not cover the request"),
    DoorError.EXCEEDS_KEY: Answer(403, "a key cannot make one that may do more than itself"),
    DoorError.TOO_MANY_KEYS: Answer(409, "the account has as many keys as it may; revoke one that is not used"),
    DoorError.KEY_EXPIRED: Answer(401, "this key has ended; use another one", "BWX-KEY"),
    DoorError.ADDRESS_NOT_ALLOWED: Answer(403, "this key may not be used from this address", "BWX-KEY"),
    DoorError.WEAK_PUBLIC_KEY: Answer(
        422, "send an Ed25519 public key that is a point of the curve, in its one encoding, and not of small order"
    ),
    DoorError.TOO_SLOW: Answer(408, "the body did not come in time"),
    DoorError.FILLS_NOT_KEPT: Answer(
        410,
        "some fills behind this are not kept any more: ask for later ones, and a statement for these",
        "cursor",
    ),
    DoorError.NOT_SIGNED_IN: Answer(401, "nobody is signed in here, or no more; sign in with a key"),
    DoorError.CSRF_REFUSED: Answer(
        403, "by a cookie alone nothing is changed: send the csrf of GET /v1/session along", "BWX-CSRF"
    ),
    DoorError.TOO_MANY_SIGN_INS: Answer(429, "too many browsers are signed in; try later"),
    DoorError.INTERNAL_ERROR: Answer(500, "a fault of ours, and it is logged; retry with the same client id"),
}

CORE_ANSWERS: dict[Reject, Answer] = {
    Reject.UNKNOWN_INSTRUMENT: Answer(404, "no such tranche is listed; GET /v1/instruments has the symbols", "symbol"),
    Reject.INSTRUMENT_CLOSED: Answer(409, "the tranche is not open for trading; see its state", "symbol"),
    Reject.INSTRUMENT_HALTED: Answer(409, "trading in this tranche is halted; cancels are taken", "symbol"),
    Reject.INVALID_ORDER_TERMS: Answer(422, "these terms contradict each other; docs/api.md has those that fit"),
    Reject.PRICE_OUT_OF_RANGE: Answer(422, "the price must be from 0.000001 to 1073.741823", "price"),
    Reject.PRICE_OFF_TICK: Answer(422, "the price must be a multiple of the tranche's price_step", "price"),
    Reject.QUANTITY_OUT_OF_RANGE: Answer(422, "the quantity must be from 1 to the tranche's largest", "quantity"),
    Reject.QUANTITY_OFF_LOT: Answer(422, "the quantity must be a multiple of the tranche's quantity_step", "quantity"),
    Reject.PRICE_OUTSIDE_BAND: Answer(
        422, "a buy goes up to the tranche's band_high, a sell down to its band_low", "price"
    ),
    Reject.ALREADY_EXPIRED: Answer(422, "the expiry must lie in the future", "expires_time"),
    Reject.UNKNOWN_ORDER: Answer(404, "you have no open order of that id", "order_id"),
    Reject.DUPLICATE_ORDER_ID: Answer(409, "an order of that id rests already", "order_id"),
    Reject.TOO_MANY_ORDERS: Answer(503, "the market holds as many orders as it can; cancel some, or try later"),
    Reject.TOO_MANY_PRICE_LEVELS: Answer(
        503, "the market holds as many prices as it can; use prices that are in use", "price"
    ),
    Reject.POST_ONLY_WOULD_TRADE: Answer(
        422, "the order would trade at once; move its price, or let it slide", "post_only"
    ),
    Reject.NOT_IN_AUCTION: Answer(
        422, "an auction is collecting orders: it takes limit orders that may rest, without further conditions", "type"
    ),
    Reject.REDUCE_ONLY_WITHOUT_POSITION: Answer(
        422, "there is no position that this order would make smaller", "reduce_only"
    ),
    Reject.DUPLICATE_INSTRUMENT: Answer(422, "the command names an instrument twice", "symbol"),
    Reject.QUOTE_CROSSED: Answer(422, "the bid of a quote must be below its ask", "price"),
    Reject.NOTIONAL_OUT_OF_RANGE: Answer(
        422, "this is more than one account may have at stake; ask for less, or cancel other orders", "quantity"
    ),
    Reject.INSUFFICIENT_FUNDS: Answer(
        422, "this is more than is withdrawable; cancel orders, close positions, or ask for less", "amount"
    ),
    Reject.TOO_MANY_POSITIONS: Answer(503, "the market holds as many positions as it can; try later"),
    Reject.AMOUNT_OUT_OF_RANGE: Answer(
        422, "the amount must be positive, and the balance, or what is added to margin, within its limit", "amount"
    ),
    Reject.INSUFFICIENT_MARGIN: Answer(
        422,
        "the account's free equity does not cover the margin of this order; ask for less, cancel orders, or deposit",
    ),
    Reject.PRICE_ABOVE_MAXIMUM: Answer(
        422, "the price is above 32 times the reference that the tranche was listed with; take a lower one", "price"
    ),
    Reject.PARAMETERS_OUT_OF_RANGE: Answer(
        422, "mark, shocks and charges go up to 32 times the tranche's first reference, and the first of 16 shocks is 0"
    ),
    Reject.FEES_OUT_OF_RANGE: Answer(
        422, "the taker pays 0 to 20000 ppm, the maker up to 20000 and never gets more than the taker pays"
    ),
    Reject.ACCOUNT_IN_LIQUIDATION: Answer(
        409, "the exchange is closing the positions of this account; deposit, or wait until that is over"
    ),
    Reject.STRAIN_OUT_OF_RANGE: Answer(
        422, "a utilisation goes from 0 to 10000000 ppm, and low_ppm is below high_ppm, or both are 0"
    ),
    Reject.FINANCING_OUT_OF_RANGE: Answer(
        422, "the rates add up to at most 10000000 ppm, with an optimum from 1 to 1000000 ppm, or all are 0"
    ),
    Reject.ACCOUNT_BLOCKED: Answer(409, "the account is blocked by the kill switch; cancels are taken"),
    Reject.POSITION_LIMIT_ACCOUNT: Answer(
        422, "the account's limit for a position, with its open orders, is reached; ask for less, or reduce", "quantity"
    ),
    Reject.POSITION_LIMIT_REGION: Answer(
        422, "the account's limit for all positions of the region is reached; ask for less, or reduce", "quantity"
    ),
    Reject.POSITION_LIMIT_INSTRUMENT: Answer(
        422, "the tranche's limit for a position, with its open orders, is reached; ask for less, or reduce", "quantity"
    ),
    Reject.ORDER_SIZE_LIMIT: Answer(422, "an order of the account or the tranche may not be so large", "quantity"),
    Reject.ORDER_NOTIONAL_LIMIT: Answer(422, "an order of the account or the tranche may not be worth so much"),
    Reject.OPEN_ORDER_LIMIT: Answer(422, "the account has as many open orders as it may; cancel some, or deposit"),
    Reject.MARKET_MAKER_PROTECTED: Answer(
        409, "the account's market-maker protection went off in this region; wait for its end, or have it reset"
    ),
    Reject.LIMITS_OUT_OF_RANGE: Answer(
        422, "limits are not below 0; a base of open orders is up to its maximum, and is it where equity adds nothing"
    ),
    Reject.TOO_MANY_RULES: Answer(503, "the exchange holds as many rules of accounts in regions as it can"),
    Reject.PROTECTION_OUT_OF_RANGE: Answer(
        422, "protection has an interval and a frozen time of up to a day, and at least one limit; all 0 takes it away"
    ),
    Reject.NOT_PROTECTED: Answer(409, "the account has no market-maker protection in this region", "region"),
    Reject.UNKNOWN_COMMAND: Answer(422, "the exchange knows no such command"),
    Reject.INCOMPLETE_GROUP: Answer(422, "the command came without all of its parts"),
    Reject.UNKNOWN_ACCOUNT: Answer(404, "no such account is open", "account"),
    Reject.CLIENT_ID_REUSED: Answer(409, "this client id was used for another request; take a new one", "client_id"),
    Reject.TOO_MANY_CLIENT_IDS: Answer(503, "the exchange remembers as many client ids as it can; try later"),
    Reject.MARKET_HALTED: Answer(409, "the whole market is halted; cancels are taken"),
    Reject.ACCOUNT_EXISTS: Answer(409, "an account of that name or number is open already", "name"),
    Reject.UNKNOWN_REGION: Answer(404, "no such region is defined", "region"),
    Reject.UNKNOWN_SERIES: Answer(404, "no such series is defined", "series"),
    Reject.INVALID_SERIES: Answer(422, "the terms of the series contradict each other"),
    Reject.ILLEGAL_STATE_CHANGE: Answer(409, "the tranche or market is not in a state that allows this", "symbol"),
    Reject.TOO_MANY_INSTRUMENTS: Answer(503, "the market lists as many tranches as it can"),
    Reject.TIME_OUT_OF_RANGE: Answer(422, "the time is outside what the exchange can hold"),
    Reject.ID_OUT_OF_ORDER: Answer(409, "ids are given in order without gaps; take the next free one"),
    Reject.TOO_MANY_TIMERS: Answer(
        409, "an account has up to 16 timers of cancels, and the exchange holds as many as it can; end one with 0"
    ),
    Reject.NOT_A_PROVIDER: Answer(409, "the account has no capacity or stake; post a stake and register capacity"),
    Reject.CAPACITY_EXCEEDED: Answer(
        422, "the account's capacity does not cover this in every slot of the window; ask for less, or register more"
    ),
    Reject.CAPACITY_SOLD: Answer(
        409, "something that is sold or offered needs this capacity; cancel asks or buy back first", "capacity_id"
    ),
    Reject.CAPACITY_OUT_OF_RANGE: Answer(
        422, "capacity is of 1 to 1000000000 lots, in whole quarters of hours of UTC, within a day, and not over yet"
    ),
    Reject.STAKE_TOO_SMALL: Answer(
        422, "the stake is 0.10 for each Mbps of the most that is registered at any time; post more first"
    ),
    Reject.STAKE_BOUND: Answer(422, "registered capacity needs this much of the stake; withdraw some first", "amount"),
    Reject.TOO_MANY_CAPACITIES: Answer(
        503, "a provider has up to 64 capacities at a time, and the exchange holds as many as it can; withdraw some"
    ),
    Reject.TERMS_OUT_OF_RANGE: Answer(
        422,
        "a slot divides the window, is 10 seconds or more, at most 1440 to a window; "
        "the clearing fee is no more than that for a shortfall",
    ),
    Reject.UNKNOWN_ALLOCATION: Answer(404, "the account has no such allocation, or not any more", "allocation"),
    Reject.NOT_A_REPORTER: Answer(403, "the account is not registered to report deliveries"),
    Reject.REPORTER_NOT_INDEPENDENT: Answer(
        403, "the reporter is buyer or provider of the allocation, or in a group with one of them", "allocation"
    ),
    Reject.SLOT_OUT_OF_RANGE: Answer(422, "the window has fewer slots; they are counted from 0", "slot"),
    Reject.SLOT_NOT_OVER: Answer(409, "the slot is not over, or not settled yet; try later", "slot"),
    Reject.REPORT_OUT_OF_RANGE: Answer(422, "latency goes up to 60000000 us, and loss up to 1000000 ppm"),
    Reject.ILLEGAL_ALLOCATION_CHANGE: Answer(409, "the allocation is not in a state that allows this", "allocation"),
    Reject.DISPUTE_WINDOW_OVER: Answer(409, "the time in which the allocation could be disputed is over", "allocation"),
    Reject.CORRECTION_OUT_OF_RANGE: Answer(
        422,
        "a correction is of at most all lots, begins where it says, and leaves from nothing to everything delivered",
        "change",
    ),
    Reject.TOO_MANY_REPORTS: Answer(409, "seven have reported of this slot, or too many reports wait"),
}


class ApiError(Exception):
    """A refusal on its way out of the doors."""

    def __init__(
        self,
        error: DoorError | Reject,
        message: str | None = None,
        param: str | None = None,
        *,
        retry_after_ms: int | None = None,
    ) -> None:
        answer = DOOR_ANSWERS[error] if isinstance(error, DoorError) else CORE_ANSWERS[error]
        self.error = error
        self.status = answer.status
        self.message = message or answer.message
        self.param = param or answer.param
        self.retry_after_ms = retry_after_ms
        self.is_repeated = False
        self.alternatives: dict[str, object] | None = None
        """What would have been taken instead, for whoever asked to be told."""
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """The name by which programs know the error."""
        return self.error.name.lower()

    def as_json(self) -> dict[str, object]:
        """What goes under "error"."""
        told = {"code": self.code, "number": int(self.error), "message": self.message, "param": self.param}
        extra = {"alternatives": self.alternatives, "retry_after_ms": self.retry_after_ms}
        return told | {name: value for name, value in extra.items() if value is not None}


def error_named(code: str) -> DoorError | Reject | None:
    """The error of a name in lower case, if there is one."""
    name = code.upper()
    return DoorError.__members__.get(name) or Reject.__members__.get(name)
