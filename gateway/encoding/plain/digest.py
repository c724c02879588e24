"""BLAKE2b (RFC 7693) of one block without a key, in 16 bytes: what a client id is known by, as hashlib has it.

Compiled code cannot call hashlib, and to come back to Python for each order takes four times as long as the digest.
"""

import numpy as np

from gateway.encoding.plain.scanning import word_at
from kernels.compile import inlined, outlined

DIGEST_BYTES = 16
STATE_WORDS, MESSAGE_WORDS = 16, 16
HALF_STATE = STATE_WORDS // 2
WORDS = STATE_WORDS + MESSAGE_WORDS
"""The working state, and behind it the message."""
ROUNDS = 12

_INITIAL = np.array(
    [
        *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
        *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
    ],
    np.uint64,
)
_PARAMETERS = np.uint64(0x01010000 | DIGEST_BYTES)
_LAST_BLOCK = np.uint64(0xFFFFFFFFFFFFFFFF)
_ORDERS = np.array(
    [
        *(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        *(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
        *(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
        *(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
        *(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
        *(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
        *(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
        *(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
        *(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
        *(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
        *(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
        *(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    ],
    np.int64,
)
"""In which order each round takes the words of the message."""


@outlined
def take_digest(words, texts, at, length):
    """Leave the digest of up to 128 bytes in the first two of the words."""
    begin(words, texts, at, length)
    for first in range(0, ROUNDS * MESSAGE_WORDS, MESSAGE_WORDS):
        mix(words, 0, 4, 8, 12, first)
        mix(words, 1, 5, 9, 13, first + 2)
        mix(words, 2, 6, 10, 14, first + 4)
        mix(words, 3, 7, 11, 15, first + 6)
        mix(words, 0, 5, 10, 15, first + 8)
        mix(words, 1, 6, 11, 12, first + 10)
        mix(words, 2, 7, 8, 13, first + 12)
        mix(words, 3, 4, 9, 14, first + 14)
    words[0] ^= _INITIAL[0] ^ _PARAMETERS ^ words[HALF_STATE]
    words[1] ^= _INITIAL[1] ^ words[HALF_STATE + 1]


@inlined
def begin(words, texts, at, length):
    """The state and the message before the first round."""
    for place in range(HALF_STATE):
        words[place] = words[HALF_STATE + place] = _INITIAL[place]
    words[0] ^= _PARAMETERS
    words[12] ^= np.uint64(length)
    words[14] ^= _LAST_BLOCK
    for place in range(MESSAGE_WORDS):
        words[STATE_WORDS + place] = word_at(texts, at + 8 * place, max(length - 8 * place, 0))


@inlined
def mix(words, a, b, c, d, place):
    """Stir two words of the message into four of the state."""
    words[a] += words[b] + words[STATE_WORDS + _ORDERS[place]]
    words[d] = rotated(words[d] ^ words[a], 32)
    words[c] += words[d]
    words[b] = rotated(words[b] ^ words[c], 24)
    words[a] += words[b] + words[STATE_WORDS + _ORDERS[place + 1]]
    words[d] = rotated(words[d] ^ words[a], 16)
    words[c] += words[d]
    words[b] = rotated(words[b] ^ words[c], 63)


@inlined
def rotated(word, bits):
    """A word turned to the right."""
    return word >> np.uint64(bits) | word << np.uint64(64 - bits)
