"""How much of an order an account could have, when it cannot have all of it.

An order more never lowers what is required, and what closing brings is worth less with each lot; so all quantities up
to the largest would be accepted too, and it is found by halving. Each try is the very check of what-if.
"""

from exchange.margin.portfolio import Portfolio
from exchange.margin.requirement import check_order
from exchange.margin.what_if import NO_REJECT, Entry


def largest_lots(portfolio: Portfolio, order: Entry) -> int:
    """The most lots at the order's price, on the tranche's step and no more than it asks for; 0 for none.

    An account whose equity is below nothing gets none: what it may close, the exchange decides.
    """
    terms = portfolio.terms.get(order.instrument_id)
    held, cash_nano = portfolio.requirement(), portfolio.cash_nano
    if terms is None or cash_nano + held.unsettled_nano < 0:
        return 0
    accepted, refused = 0, order.lots // terms.quantity_step_lots + 1
    while refused - accepted > 1:
        steps = (accepted + refused) // 2
        lots = steps * terms.quantity_step_lots
        if check_order(held, cash_nano, terms, order.side, order.price_ticks, lots) == NO_REJECT:
            accepted = steps
        else:
            refused = steps
    return accepted * terms.quantity_step_lots
