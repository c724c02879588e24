"""Which tranche a symbol names, for compiled code: a table of the symbols that orders have named lately.

It is filled by who meets a symbol for the first time. When any symbol begins or ceases to name a tranche, all that is
in it belongs to an earlier version, and counts no more.
"""

import numpy as np

from gateway.encoding.plain.compile import kernel
from gateway.encoding.plain.scanning import WORD_BYTES, word_at
from gateway.encoding.plain.schema import SYMBOL_WORDS
from kernels.compile import inlined
from kernels.intrinsics import HASH_MULTIPLIER

SLOTS = 1 << 17
SYMBOLS_MAX = SLOTS // 2
"""Who knows as many begins a new version."""
NO_TRANCHE = -1
_MULTIPLIER = np.uint64(HASH_MULTIPLIER)
_SHIFT = np.uint64(29)


@kernel
def enter_symbol(desk, texts, at, length, version, instrument_id):
    """Note which tranche a symbol names that is not in the table; there is room."""
    key = hash_of(texts.bytes, at, length)
    slot = home_of(key)
    while desk.symbols[slot]["version"] == version:
        slot = (slot + 1) & (SLOTS - 1)
    symbol = desk.symbols[slot]
    symbol["hash"], symbol["version"] = key, version
    symbol["length"], symbol["instrument_id"] = length, instrument_id
    for place in range(SYMBOL_WORDS):
        desk.symbol_words[slot * SYMBOL_WORDS + place] = word_of_text(texts.bytes, at, length, place)


@inlined
def find_symbol(desk, texts, at, length, version):
    """The instrument id of the tranche that a symbol names, or NO_TRANCHE if it is not in the table."""
    key = hash_of(texts, at, length)
    slot = home_of(key)
    while desk.symbols[slot]["version"] == version:
        symbol = desk.symbols[slot]
        if symbol["hash"] == key and symbol["length"] == length and is_text(desk, slot, texts, at, length):
            return np.int64(symbol["instrument_id"])
        slot = (slot + 1) & (SLOTS - 1)
    return np.int64(NO_TRANCHE)


@inlined
def is_text(desk, slot, texts, at, length):
    """Whether the text of a symbol is this one, of the same length."""
    for place in range(SYMBOL_WORDS):
        if desk.symbol_words[slot * SYMBOL_WORDS + place] != word_of_text(texts, at, length, place):
            return False
    return True


@inlined
def hash_of(texts, at, length):
    """A number that hardly any two symbols share."""
    key = np.uint64(length)
    for place in range(SYMBOL_WORDS):
        key = (key ^ word_of_text(texts, at, length, place)) * _MULTIPLIER
        key ^= key >> _SHIFT
    return key


@inlined
def home_of(key):
    """Where a symbol is sought first."""
    return np.int64(key & np.uint64(SLOTS - 1))


@inlined
def word_of_text(texts, at, length, place):
    """Eight characters of a text, with zeros behind its end."""
    return word_at(texts, at + WORD_BYTES * place, max(length - WORD_BYTES * place, 0))
