"""Which Ed25519 public keys may sign, and whether a signature is theirs.

OpenSSL refuses a signature whose second half is not below the order of the group, so that nobody can make a second one
out of a first. It does not look at the key: under one of small order, signatures can be made that fit many messages
without knowing anything. So a key is looked at once, when it is registered.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64

_PRIME = (1 << 255) - 19
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME
_Y_MASK = (1 << 255) - 1
_Y_OF_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022

_SMALL = frozenset({0, 1, _PRIME - 1, _Y_OF_ORDER_8, _PRIME - _Y_OF_ORDER_8})
"""The y of the eight points whose order divides 8."""


def is_safe_public_key(public_key: bytes) -> bool:
    """Whether these bytes are the one encoding of a point of the curve that is not of small order."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        return False
    y = int.from_bytes(public_key, "little") & _Y_MASK
    return y < _PRIME and y not in _SMALL and _is_on_curve(y)


def is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the holder of a key has signed a message."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_on_curve(y: int) -> bool:
    """Whether some x fits: x^2 = (y^2 - 1) / (d y^2 + 1) has a root, by Euler's criterion."""
    numerator, denominator = (y * y - 1) % _PRIME, (_D * y * y + 1) % _PRIME
    square = numerator * pow(denominator, -1, _PRIME) % _PRIME
    return pow(square, (_PRIME - 1) // 2, _PRIME) in (0, 1)
