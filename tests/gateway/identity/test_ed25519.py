"""Keys of Ed25519: which may sign, and that a signature has one form."""

import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.identity.ed25519 import is_safe_public_key, is_signed

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
NEUTRAL = (0, 1)
IDENTITY = (1).to_bytes(32, "little")


def plus(one, other):
    (x_1, y_1), (x_2, y_2) = one, other
    k = D * x_1 * x_2 * y_1 * y_2
    x = (x_1 * y_2 + x_2 * y_1) * pow(1 + k, -1, PRIME)
    return x % PRIME, (y_1 * y_2 + x_1 * x_2) * pow(1 - k, -1, PRIME) % PRIME


def times(number, point):
    result = NEUTRAL
    while number:
        if number & 1:
            result = plus(result, point)
        point = plus(point, point)
        number >>= 1
    return result


def point_of(y):
    """A point of the curve with this y, or None."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    return (x, y) if (x * x - square) % PRIME == 0 else None


def encoded(x, y):
    return (y | (x & 1) << 255).to_bytes(32, "little")


def small_points():
    """All points whose order divides 8: what is left of any point once the large factor is taken out."""
    points = (point_of(y) for y in range(2, 200))
    found = {times(ORDER, point) for point in points if point is not None}
    return sorted(found | {plus(one, other) for one in found for other in found})


def test_every_point_of_small_order_is_refused_in_every_encoding():
    points = small_points()
    assert len(points) == 8
    for x, y in points:
        for encoding in (encoded(x, y), encoded(x ^ 1, y)):
            assert not is_safe_public_key(encoding)
        if y + PRIME < 2**255:
            assert not is_safe_public_key((y + PRIME).to_bytes(32, "little"))


def test_under_a_key_of_small_order_a_signature_is_made_up_without_a_secret():
    # Why such keys are refused: the library takes them, and what follows from them.
    Ed25519PublicKey.from_public_bytes(IDENTITY).verify(IDENTITY + bytes(32), b"anything")
    assert not is_safe_public_key(IDENTITY)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_has_32_bytes(length):
    assert not is_safe_public_key(bytes(range(length)))


def test_bytes_that_are_no_point_of_the_curve_are_refused():
    is_point = {y: point_of(y) is not None for y in range(3, 60)}
    assert len(set(is_point.values())) == 2
    for y, expected in is_point.items():
        assert is_safe_public_key(y.to_bytes(32, "little")) is expected


def test_every_key_that_is_made_is_taken():
    for _ in range(50):
        assert is_safe_public_key(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


def test_a_signature_cannot_be_turned_into_another_one():
    key, message = Ed25519PrivateKey.generate(), secrets.token_bytes(40)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert is_signed(public, signature, message)
    scalar = int.from_bytes(signature[32:], "little")
    for number in range(1, 16):
        larger = scalar + number * ORDER
        if larger < 2**256:
            assert not is_signed(public, signature[:32] + larger.to_bytes(32, "little"), message)
    for bit in range(512):
        altered = bytearray(signature)
        altered[bit // 8] ^= 1 << bit % 8
        assert not is_signed(public, bytes(altered), message)
    assert not is_signed(public, signature + b"\0", message)
    assert not is_signed(public, signature, message + b"\0")
