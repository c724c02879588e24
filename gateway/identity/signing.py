"""How a request is signed. Server and client share this page, so that they cannot disagree.

One line each, joined by a line feed and without one at the end:

    method          in capitals
    path            with its query, exactly as sent
    timestamp       milliseconds since 1970, in digits
    nonce           any text that the key has not used yet
    body digest     SHA-256 of the body, in lower-case hexadecimal

A socket logs in with a request of its own: method LOGIN, path /v1/ws, no body.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_HEADER = "BWX-KEY"
TIMESTAMP_HEADER = "BWX-TIMESTAMP"
NONCE_HEADER = "BWX-NONCE"
SIGNATURE_HEADER = "BWX-SIGNATURE"
LOGIN_METHOD = "LOGIN"
LOGIN_PATH = "/v1/ws"

Secret = str | Ed25519PrivateKey
"""What a client signs with: the secret of its key, or the private half of one of Ed25519."""


def canonical(method: str, path: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """The bytes that are signed."""
    return "\n".join((method, path, timestamp, nonce, hashlib.sha256(body).hexdigest())).encode()


def sign(secret: Secret, message: bytes) -> str:
    """In lower-case hexadecimal: HMAC-SHA256 under the secret as it was given out, or Ed25519."""
    if isinstance(secret, Ed25519PrivateKey):
        return secret.sign(message).hex()
    return hmac.digest(secret.encode(), message, "sha256").hex()
