"""Where the machine code of these kernels is kept."""

from kernels.cache import KernelCache

CACHE = KernelCache(
    *("gateway/encoding/plain/*.py", "gateway/encoding/requests.py", "exchange/units.py", "exchange/sequencer.py")
)
kernel = CACHE.kernel
