"""Where the machine code of the read model's kernels is kept."""

from kernels.cache import KernelCache

CACHE = KernelCache("exchange/view/columns/*.py")
kernel = CACHE.kernel
