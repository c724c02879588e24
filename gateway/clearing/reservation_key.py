"""The key with which the exchange signs reservation tokens, in a file that only its owner can read."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import OKPAlgorithm

from exchange.database import OWNER_ONLY, make_directory, sync_directory
from exchange.store_errors import StoreUnreadable
from gateway.clearing.reservation_token import ALGORITHM, Reservation

FILE_NAME = "reservations.pem"
KEY_ID_CHARACTERS = 16


class ReservationKey:
    """One Ed25519 key pair. Make it with `open`."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = sha256(public).hexdigest()[:KEY_ID_CHARACTERS]

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The key of a store, made and written durably if there is none yet. Raises StoreUnreadable."""
        make_directory(directory)
        path = directory / FILE_NAME
        try:
            if not path.exists():
                _write_new(path)
            private_key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise StoreUnreadable(path, error) from error
        if not isinstance(private_key, Ed25519PrivateKey):
            raise StoreUnreadable(path, ValueError("it holds a key of another kind than Ed25519"))
        return cls(private_key)

    def sign(self, reservation: Reservation) -> str:
        """A reservation as a token."""
        headers = {"kid": self.key_id}
        return jwt.encode(reservation.claims(), self._private_key, algorithm=ALGORITHM, headers=headers)

    def key_set(self) -> dict[str, Any]:
        """The public half as a JSON Web Key Set."""
        key = OKPAlgorithm.to_jwk(self._private_key.public_key(), as_dict=True)
        return {"keys": [key | {"kid": self.key_id, "use": "sig", "alg": ALGORITHM}]}

    def copy_to(self, directory: Path) -> None:
        """Write the key to a file of the same name in another folder, for its owner alone."""
        _write(directory / FILE_NAME, self._private_key)


def _write_new(path: Path) -> None:
    """A half-written key would be no key: it gets its name when it is whole."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    _write(part, Ed25519PrivateKey.generate())
    part.rename(path)
    sync_directory(path.parent)


def _write(path: Path, private_key: Ed25519PrivateKey) -> None:
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
