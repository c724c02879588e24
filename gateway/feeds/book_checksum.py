"""The checksum of a book's best levels, which server and client work out alike.

The text is `price:quantity` of up to ten asks, best first, joined by commas, a bar, and the same of up to ten bids:
`0.040500:6,0.040600:2|0.040300:5`, each number as messages write it. The checksum is its CRC-32 (that of zip and PNG).
"""

from collections.abc import Iterable, Sequence
from zlib import crc32

CHECKED_LEVELS = 10


def checksum(asks: Iterable[Sequence[str]], bids: Iterable[Sequence[str]]) -> int:
    """Of [price, quantity] as text, best first, already cut to `CHECKED_LEVELS`."""
    sides = (",".join(f"{price}:{quantity}" for price, quantity in side) for side in (asks, bids))
    return crc32("|".join(sides).encode())
