"""How a report of measured delivery is signed. Server and reporters share this page, so that they cannot disagree.

One line each, joined by a line feed and without one at the end:

    bwx-report-1
    reporter        the number of its account, in digits like all that follows
    allocation      the number of the allocation
    slot            from 0 on
    quantity        the lots that were measured, in Mbps
    latency         in microseconds
    loss            in parts of a million

It is signed by Ed25519. The signature is kept with the report, so that anybody who knows the public key can prove it.
"""

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.identity.ed25519 import is_signed


class Measurement(NamedTuple):
    """What a reporter says of a slot."""

    reporter_id: int
    allocation_id: int
    slot: int
    measured_lots: int
    latency_us: int
    loss_ppm: int


def canonical_report(measurement: Measurement) -> bytes:
    """The bytes that are signed."""
    return "\n".join(("bwx-report-1", *map(str, measurement))).encode()


def sign_report(private_key: bytes, measurement: Measurement) -> bytes:
    """The signature under a private key of 32 bytes. Raises ValueError for another key."""
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(canonical_report(measurement))


def is_report_signed(public_key: bytes, signature: bytes, measurement: Measurement) -> bool:
    """Whether a report carries the signature of the holder of a key."""
    return is_signed(public_key, signature, canonical_report(measurement))


def public_key_of(private_key: bytes) -> bytes:
    """The public key that belongs to a private key of 32 bytes. Raises ValueError for another key."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
