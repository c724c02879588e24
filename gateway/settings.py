"""What an operator may set about the doors, each with the limit that a new installation starts with."""

from pydantic import PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

KIBI = 1024
MEBI = 1024 * KIBI


class GatewaySettings(BaseSettings):
    """Limits and intervals of the doors. Each can be set by an environment variable, `BWX_GATEWAY_` and its name."""

    model_config = SettingsConfigDict(env_prefix="BWX_GATEWAY_", frozen=True, extra="forbid")

    body_bytes_max: int = 256 * KIBI
    frame_bytes_max: int = 64 * KIBI
    connections_max: int = 4_096
    connections_per_address_max: int = 256
    connections_per_key_max: int = 64
    keys_per_account_max: PositiveInt = 64
    # What requests cost is in gateway/limits/weights.py. A budget refills by so much a second, up to its burst.
    account_weight_per_s: PositiveInt = 2_000
    account_weight_burst: PositiveInt = 10_000
    market_maker_weight_per_s: PositiveInt = 20_000
    market_maker_weight_burst: PositiveInt = 100_000
    address_weight_per_s: PositiveInt = 200
    address_weight_burst: PositiveInt = 2_000
    attempts_per_address_per_s: PositiveInt = 20
    attempts_per_address_burst: PositiveInt = 512
    # Whose budgets are remembered; beyond that the one longest unused is forgotten.
    budgets_max: PositiveInt = 65_536
    # So many frames of text other than plain orders are handled in a turn of the loop; of records, in a row from one
    # connection.
    frames_per_turn: PositiveInt = 64
    subscriptions_per_connection_max: int = 1_024
    requests_in_flight_max: int = 1_000
    # A reader that falls this far behind is cut off: it would see the past, and its backlog is our memory.
    outbox_messages_max: int = 16_384
    outbox_bytes_max: int = 8 * MEBI
    # A reader with so many messages before it is passed over by what is conflated, and later told the net change.
    outbox_behind_messages: int = 64
    signature_window_ms: int = 30_000
    nonces_max: int = 1_000_000
    # How long a browser stays signed in: in all, and without being used.
    sign_in_s: PositiveFloat = 43_200.0
    sign_in_idle_s: PositiveFloat = 1_800.0
    # The oldest sign-in of a key makes room for one too many.
    sign_ins_per_key_max: PositiveInt = 16
    sign_ins_max: PositiveInt = 16_384
    sequence_wait_s: float = 2.0
    # Who asks for a statement that takes longer is told how far it is, and asks again.
    statement_wait_s: float = 2.0
    # How long a connection may be without a whole request head, since it was opened or last answered.
    head_wait_s: float = 30.0
    # How long the body of a request may take in all.
    body_wait_s: float = 10.0
    ticker_interval_s: float = 0.25
    heartbeat_interval_s: float = 5.0
    ping_interval_s: float = 30.0
    shutdown_wait_s: float = 2.0
    # How long a peer may take to answer a close, or to read what was sent before it.
    close_wait_s: float = 5.0
