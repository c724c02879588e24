"""Commands made from a seed: each a function of its number alone, so that a retry after a crash says the very same.

A store lives several lives, one after each crash. Command `index` of a life has the client id `life-index`, and what it
asks for depends on the seed, the life and the index, never on what was answered before.
"""

import random
from typing import NamedTuple, Self

import numpy as np

from exchange import commands
from exchange.venue.schema import REPEAT_EVENT, Event, Tier
from exchange.venue.state import VenueLimits
from matching.schema import ORDER_EVENT, ChangeFlag, OrderFlag, SelfTrade, Side, TimeInForce

LIMITS = VenueLimits(instruments=64, orders=1 << 14, nodes=1 << 14, accounts=16, positions=1 << 15, client_ids=1 << 18)
ACCOUNTS = 4
UNKNOWN_INSTRUMENT = 1_000_000
REFERENCE_TICKS = 1_000
NANO_PER_S = 1_000_000_000
HOUR_S = 3_600
CASH_NANO = 1_000_000 * NANO_PER_S
OPENING_AUCTION_S = 2
CLOSING_AUCTION_S = 1_200
SESSIONS = 3
GROUP_KINDS = ("mass quote", "mass quote", "mass quote", "basket", "basket", "mass cancel")
POST_ONLY = (OrderFlag.POST_ONLY, OrderFlag.POST_ONLY_SLIDE)
OPERATIONS = ("halt", "halt", "resume", "resume", "halt market", "resume market", "resume market", "reference")


class CommandId(NamedTuple):
    """Which command: everything else about it follows from the seed."""

    life: int
    index: int

    @property
    def account_id(self) -> int:
        """Who sends it."""
        return 1 + self.index % ACCOUNTS

    @property
    def client_id(self) -> str:
        """The name by which the exchange knows it again."""
        return f"{self.life}-{self.index}"


class Answer(NamedTuple):
    """What became of a command. A retry must be answered alike, by whoever still knows."""

    sequence: int
    kind: int
    reason: int
    order_id: int
    price_ticks: int
    quantity_lots: int
    leaves_lots: int

    @classmethod
    def of(cls, outcome: np.ndarray) -> tuple[Self, bool]:
        """The answer that the last event of a command gives, an array of one, and whether it repeats an earlier one."""
        is_repeat = bool(outcome[0]["kind"] == Event.REPEATED)
        event = outcome.view(REPEAT_EVENT if is_repeat else ORDER_EVENT)[0]
        names = ("original_sequence", "original_kind") if is_repeat else ("sequence", "kind")
        return cls(*(int(event[name]) for name in (*names, *cls._fields[2:]))), is_repeat


class Traffic:
    """The commands of all lives of one store: on its first few instruments, expiring not long after its epoch."""

    def __init__(self, seed: int, epoch_ns: int, *, instruments: int = 3, expiry_s_max: int = 40) -> None:
        self.seed = seed
        self.epoch_ns = epoch_ns
        self._instruments = [*range(1, instruments + 1)] * 20 + [UNKNOWN_INSTRUMENT]
        self._expiry_ns_max = expiry_s_max * NANO_PER_S

    def founding(self) -> list[np.ndarray]:
        """What makes a market of an empty venue; sent again it changes nothing."""
        accounts = range(1, ACCOUNTS + 1)
        first_start_ns = (self.epoch_ns // (HOUR_S * NANO_PER_S) + 1) * HOUR_S * NANO_PER_S
        return [
            *(commands.open_account(account_id, f"trader-{account_id}", account_id // 3) for account_id in accounts),
            *(commands.deposit(account_id, CASH_NANO, client_id=f"cash-{account_id}") for account_id in accounts),
            commands.define_region(1, "eu-fra"),
            commands.define_series(
                1,
                1,
                Tier.EF,
                first_start_ns=first_start_ns,
                duration_s=HOUR_S,
                gate_lead_s=300,
                horizon_s=4 * HOUR_S,
                reference_ticks=REFERENCE_TICKS,
                closing_auction_s=CLOSING_AUCTION_S,
            ),
            commands.define_series(
                2,
                1,
                Tier.AF,
                first_start_ns=first_start_ns,
                duration_s=HOUR_S,
                gate_lead_s=300,
                horizon_s=2 * HOUR_S,
                reference_ticks=REFERENCE_TICKS,
                opening_auction_s=OPENING_AUCTION_S,
            ),
        ]

    def command(self, which: CommandId) -> np.ndarray:
        """The command of this name."""
        generator = random.Random(f"{self.seed}/{which.life}/{which.index}")
        choice = generator.random()
        if choice < 0.03:
            return _money(which, generator)
        target_index = which.index - ACCOUNTS * generator.randint(1, 30)
        if choice < 0.60 or target_index < 0:
            return self._place(which, generator)
        if choice < 0.70:
            return self._group(which, generator)
        target = CommandId(which.life, target_index)
        if choice < 0.86:
            return commands.cancel(which.account_id, target_client_id=target.client_id, client_id=which.client_id)
        return _replace(which, target, generator)

    def operation(self, life: int, number: int) -> np.ndarray:
        """What those do who run the market: halts, resumes, new references. It has no client id, and is sent once."""
        generator = random.Random(f"{self.seed}/{life}/operation {number}")
        instrument_id = generator.choice(self._instruments)
        kind = generator.choice(OPERATIONS)
        if kind == "halt market":
            return commands.halt_market()
        if kind == "resume market":
            return commands.resume_market()
        if kind == "reference":
            return commands.set_reference(instrument_id, REFERENCE_TICKS + generator.randint(-300, 300))
        return (commands.halt if kind == "halt" else commands.resume)(instrument_id)

    def _place(self, which: CommandId, generator: random.Random) -> np.ndarray:
        """Mostly a limit order near the reference; some are timed, immediate, without a price, or not to be had.

        Some show a part of themselves, ask for a least fill, or only reduce a position.
        """
        time_in_force = generator.choices(list(TimeInForce), (70, 15, 10, 5))[0]
        is_timed = time_in_force == TimeInForce.GTD
        is_market = time_in_force in (TimeInForce.IOC, TimeInForce.FOK) and generator.random() < 0.3
        rests = time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
        post_only = generator.choice(POST_ONLY) if rests and generator.random() < 0.25 else 0
        reduce_only = OrderFlag.REDUCE_ONLY if generator.random() < 0.15 else 0
        lots = generator.randint(1, 30)
        return commands.place(
            which.account_id,
            generator.choice(self._instruments),
            generator.choice(list(Side)),
            0 if is_market else REFERENCE_TICKS + generator.randint(-40, 40),
            lots,
            client_id=which.client_id,
            time_in_force=time_in_force,
            flags=reduce_only | (OrderFlag.MARKET if is_market else post_only),
            self_trade=generator.choice(list(SelfTrade)),
            expires_ns=self.epoch_ns + generator.randrange(1, self._expiry_ns_max) if is_timed else 0,
            display_lots=generator.randint(1, lots) if rests and generator.random() < 0.2 else 0,
            minimum_lots=generator.randint(1, lots) if not post_only and generator.random() < 0.1 else 0,
            label=generator.randint(0, 2),
            session_id=generator.randrange(SESSIONS),
        )

    def _group(self, which: CommandId, generator: random.Random) -> np.ndarray:
        """A command of many orders, in a few instruments."""
        kind = generator.choice(GROUP_KINDS)
        if kind == "mass cancel":
            return self._mass_cancel(which, generator)
        instruments = generator.sample(sorted(set(self._instruments[:-1])), generator.randint(1, 2))
        self_trade = generator.choice(list(SelfTrade))
        if kind == "basket":
            legs = [_leg(instrument_id, generator) for instrument_id in instruments]
            return commands.basket(which.account_id, legs, client_id=which.client_id, self_trade=self_trade)
        quotes = [_quote(instrument_id, generator) for instrument_id in instruments]
        return commands.mass_quote(
            which.account_id,
            quotes,
            client_id=which.client_id,
            post_only=generator.random() < 0.4,
            self_trade=self_trade,
            label=2,
            session_id=generator.randrange(SESSIONS),
        )

    def _mass_cancel(self, which: CommandId, generator: random.Random) -> np.ndarray:
        """Of an account's orders those of one label, session, side, instrument, region or tier, or of two of these."""
        criteria = {
            "label": generator.randint(0, 2),
            "session_id": generator.randrange(SESSIONS),
            "side": generator.choice(list(Side)),
            "instrument_id": generator.choice(self._instruments),
            "region_id": generator.choice((1, 1, 2)),
            "tier": generator.choice((Tier.EF, Tier.AF)),
        }
        names = generator.sample(sorted(criteria), generator.randint(1, 2))
        chosen = {name: criteria[name] for name in names}
        return commands.mass_cancel(which.account_id, **chosen, client_id=which.client_id)


def _quote(instrument_id: int, generator: random.Random) -> commands.Quote:
    """Both sides around a middle near the reference; now and then one of them is taken away."""
    middle_ticks = REFERENCE_TICKS + generator.randint(-20, 20)
    bid_lots, ask_lots = generator.choice((0, 5, 10, 20)), generator.choice((0, 5, 10, 20))
    bid_ticks, ask_ticks = middle_ticks - generator.randint(1, 10), middle_ticks + generator.randint(0, 10)
    return commands.Quote(instrument_id, bid_ticks if bid_lots else 0, bid_lots, ask_ticks if ask_lots else 0, ask_lots)


def _leg(instrument_id: int, generator: random.Random) -> commands.Leg:
    """A leg that mostly reaches the other side."""
    side = generator.choice(list(Side))
    distance_ticks = generator.randint(0, 60)
    price_ticks = REFERENCE_TICKS + (distance_ticks if side == Side.BUY else -distance_ticks)
    reduce_only = generator.random() < 0.3
    return commands.Leg(instrument_id, side, price_ticks, generator.randint(1, 8), reduce_only)


def _replace(which: CommandId, target: CommandId, generator: random.Random) -> np.ndarray:
    return commands.replace(
        which.account_id,
        REFERENCE_TICKS + generator.randint(-40, 40),
        generator.randint(1, 30),
        target_client_id=target.client_id,
        client_id=which.client_id,
        flags=generator.choice((0, ChangeFlag.REQUEUE, ChangeFlag.NAMES_REMAINING)),
    )


def _money(which: CommandId, generator: random.Random) -> np.ndarray:
    """In or out, and sometimes more out than there is."""
    move = generator.choice((commands.deposit, commands.withdraw))
    amount_nano = generator.choice((1, 7 * NANO_PER_S, 2 * CASH_NANO))
    return move(which.account_id, amount_nano, client_id=which.client_id)
