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

KEY_HEADER = "BWX-KEY"
TIMESTAMP_HEADER = "BWX-TIMESTAMP"
NONCE_HEADER = "BWX-NONCE"
SIGNATURE_HEADER = "BWX-SIGNATURE"
LOGIN_METHOD = "LOGIN"
LOGIN_PATH = "/v1/ws"


def canonical(method: str, path: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """The bytes that are signed."""
    return "\n".join((method, path, timestamp, nonce, hashlib.sha256(body).hexdigest())).encode()


def sign(secret: str, message: bytes) -> str:
    """HMAC-SHA256 under the secret as it was given out, in lower-case hexadecimal."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
