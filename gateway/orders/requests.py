"""What may be asked of many orders at once, and of what came of them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from exchange.venue.cancel_schema import CANCEL_AFTER_MS_MAX
from gateway.encoding.fields import (
    PAGE_ROWS_MAX,
    ClientId,
    PageLimit,
    PriceTicks,
    QuantityLots,
    Sequence,
    query_integer,
)
from gateway.encoding.requests import (
    LABEL_MAX,
    SESSION_MAX,
    Label,
    NoQuery,
    OrderSession,
    ReadQuery,
    SelfTradeName,
    ShortText,
)
from matching.schema import LEGS_MAX, QUOTES_MAX

BATCH_MAX = 64
"""Orders of one request, and cancels."""
FILLS_AT_ONCE = 100


class _Model(BaseModel):
    model_config = NoQuery.model_config


class BatchRequest(_Model):
    """Orders, each of which is read, and refused, for itself."""

    orders: Annotated[list[Any], Field(min_length=1, max_length=BATCH_MAX)]


class CancelAllTerms(_Model):
    """Which orders go: those that match all that is said; all of the account when nothing is."""

    symbol: ShortText | None = None
    region: ShortText | None = None
    tier: Literal["ef", "af", "be"] | None = None
    side: Literal["buy", "sell"] | None = None
    label: Label | None = None
    session: OrderSession | None = None
    retry_id: ClientId | None = None


class CancelAllQuery(CancelAllTerms):
    """The same in a query, where numbers are text."""

    label: Annotated[int, query_integer(0, LABEL_MAX)] | None = None
    session: Annotated[int, query_integer(0, SESSION_MAX)] | None = None


class CancelAfterRequest(_Model):
    """For how long orders may stay if nothing more is heard of their owner: those of a session, or all; 0 for ever."""

    cancel_after_ms: Annotated[int, Field(ge=0, le=CANCEL_AFTER_MS_MAX)]
    session: OrderSession | None = None


class QuoteEntry(_Model):
    """Both sides that an account wants to have in a tranche from now on; a side that is not named goes."""

    symbol: ShortText
    bid_price: PriceTicks | None = None
    bid_quantity: QuantityLots | None = None
    ask_price: PriceTicks | None = None
    ask_quantity: QuantityLots | None = None


class _Together(_Model):
    """What all orders of one command share."""

    client_id: ClientId | None = None
    self_trade: SelfTradeName = "cancel_newest"
    label: Label = 0
    session: OrderSession = 0


class QuoteRequest(_Together):
    """Quotes of many tranches that take the place of those that the account has there, all or none."""

    quotes: Annotated[list[QuoteEntry], Field(min_length=1, max_length=QUOTES_MAX)]
    post_only: bool = False


class LegEntry(_Model):
    """One leg of a basket: filled whole at its price or better."""

    symbol: ShortText
    side: Literal["buy", "sell"]
    price: PriceTicks
    quantity: QuantityLots
    reduce_only: bool = False


class BasketRequest(_Together):
    """Legs in different tranches that are all filled at once, or none."""

    legs: Annotated[list[LegEntry], Field(min_length=1, max_length=LEGS_MAX)]


class QuotesQuery(ReadQuery):
    """Which of the own quotes."""

    symbol: ShortText | None = None
    limit: PageLimit = PAGE_ROWS_MAX
    cursor: Sequence = 0


class FillsQuery(ReadQuery):
    """Which of the own fills, and behind which trade or sequence they begin."""

    symbol: ShortText | None = None
    order_id: Sequence | None = None
    limit: PageLimit = FILLS_AT_ONCE
    cursor: ShortText | None = None
