"""Every kernel that a served exchange calls: compiled, or loaded from the cache, before the first order arrives."""

from exchange.view.columns.compile import CACHE as VIEW
from gateway.encoding.plain.compile import CACHE as PLAIN
from kernels.compile import is_compiled as is_core_compiled


def is_compiled() -> bool:
    """Whether an earlier run has compiled all of them from these very sources."""
    return is_core_compiled() and VIEW.is_complete and PLAIN.is_complete


def warm_up() -> None:
    """Run each of them once. Takes a second when cached."""
    from exchange.warm_up import warm_up as warm_up_exchange
    from gateway.encoding.plain.warm_up import warm_up as warm_up_plain

    warm_up_exchange()
    warm_up_plain()
