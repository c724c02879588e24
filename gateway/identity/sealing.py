"""How secrets lie on the disk: sealed by AES-256-GCM, each with a nonce of its own, and bound to what it belongs to.

The key comes from the environment, or from a file beside the store that only its owner can read, which is made at the
first start and backed up with the store. With the key in the environment neither the folder nor a backup gives a secret
away.
"""

import os
import secrets
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.database import OWNER_ONLY, make_directory, sync_directory
from exchange.store_errors import StoreUnreadable

FILE_NAME = "sealing.key"
ENVIRONMENT = "BWX_SEALING_KEY"
OTHERS = 0o077
KEY_BYTES = 32
NONCE_BYTES = 12


class SealBroken(Exception):  # noqa: N818 - named for what is wrong
    """What was sealed was altered, moved to another place, or sealed under another key."""


class SealingKey:
    """One AES key. Make it with `open`."""

    def __init__(self, key: bytes, *, path: Path | None) -> None:
        """`path` is the file that holds it, or None where it comes from the environment."""
        self._key = key
        self._path = path
        self._cipher = AESGCM(key)

    @classmethod
    def open(cls, directory: Path, *, create: bool) -> Self:
        """The key of a store; with `create`, made and written durably if there is none yet. Raises StoreUnreadable."""
        given = os.environ.get(ENVIRONMENT)
        if given is not None:
            return cls(_key_of(given, Path(f"${ENVIRONMENT}")), path=None)
        make_directory(directory)
        path = directory / FILE_NAME
        try:
            if create and not path.exists():
                _write_new(path)
            if os.name == "posix" and path.stat().st_mode & OTHERS:
                raise StoreUnreadable(path, "others than its owner may read it: chmod 600, and make new keys")
            return cls(_key_of(path.read_text(), path), path=path)
        except (OSError, UnicodeDecodeError) as error:
            raise StoreUnreadable(path, error) from error

    def seal(self, content: bytes, belongs_to: bytes) -> bytes:
        """Content that only this key opens, and only together with what it belongs to."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, belongs_to)

    def unseal(self, sealed: bytes, belongs_to: bytes) -> bytes:
        """The content again. Raises SealBroken."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], belongs_to)
        except (InvalidTag, ValueError):
            raise SealBroken from None

    def copy_to(self, directory: Path) -> None:
        """Write the key to a file of the same name in another folder, for its owner alone, if a file holds it here."""
        if self._path is not None:
            _write(directory / FILE_NAME, self._key)


def _key_of(text: str, path: Path) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StoreUnreadable(path, f"it does not hold {2 * KEY_BYTES} hexadecimal digits")
    return key


def _write_new(path: Path) -> None:
    """A half-written key would be no key: it gets its name when it is whole."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    _write(part, secrets.token_bytes(KEY_BYTES))
    part.rename(path)
    sync_directory(path.parent)


def _write(path: Path, key: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w") as file:
        file.write(key.hex())
        file.flush()
        os.fsync(file.fileno())
