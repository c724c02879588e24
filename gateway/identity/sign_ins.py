"""Browsers that have signed in: each stands for a key, for a while, by a cookie of which only a digest is kept.

sign in ─▶ in force ─▶ signed out | key revoked or at its end | from an address that the key refuses
                    └▶ unused for too long | at its own end

Whatever ends a sign-in ends at once, together with the sockets that were opened by it. None of it outlives the process.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from gateway.errors import ApiError, DoorError
from gateway.identity.key_terms import ApiKey, check_use
from gateway.identity.keys import KeyStore
from gateway.settings import GatewaySettings

TOKEN_BYTES = 32
NANO_PER_S = 1_000_000_000


class SignIn:
    """One browser that has signed in by a key."""

    def __init__(self, key: ApiKey, digest: bytes, settings: GatewaySettings) -> None:
        self.key = key
        self.csrf = secrets.token_urlsafe(TOKEN_BYTES)
        """What the exchange's own pages know, and a page of another site does not."""
        self.digest = digest
        self.is_over = False
        self._idle_s = settings.sign_in_idle_s
        now_s = time.monotonic()
        self._used_s = now_s
        self._ends_s = now_s + settings.sign_in_s
        self.expires_ns = time.time_ns() + int(settings.sign_in_s * NANO_PER_S)
        """When it ends at the latest, by the system's clock."""
        if key.terms.expires_ns:
            self._ends_s = min(self._ends_s, now_s + (key.terms.expires_ns - time.time_ns()) / NANO_PER_S)
            self.expires_ns = min(self.expires_ns, key.terms.expires_ns)
        self._followers: set[Callable[[], None]] = set()

    @property
    def left_s(self) -> float:
        """How long it lives if it is not used."""
        return min(self._ends_s, self._used_s + self._idle_s) - time.monotonic()

    def use(self) -> None:
        """Somebody is there."""
        self._used_s = time.monotonic()

    def is_known_by(self, csrf: str) -> bool:
        """Whether a page knows the sign-in's word, found in a time that does not tell how much of it fits."""
        return hmac.compare_digest(self.csrf.encode(), _bytes_of(csrf))

    def follow(self, on_end: Callable[[], None]) -> None:
        """Hear when it ends."""
        self._followers.add(on_end)

    def leave(self, on_end: Callable[[], None]) -> None:
        """Hear no more."""
        self._followers.discard(on_end)

    def end(self) -> None:
        """It opens nothing from now on."""
        self.is_over = True
        followers, self._followers = self._followers, set()
        for on_end in followers:
            on_end()


class SignIns:
    """All sign-ins of this process, a bounded number of them."""

    def __init__(self, keys: KeyStore, settings: GatewaySettings) -> None:
        self._keys = keys
        self._settings = settings
        self._by_digest: dict[bytes, SignIn] = {}
        self._by_key: defaultdict[str, list[SignIn]] = defaultdict(list)
        """The oldest first."""
        self._timers: dict[bytes, asyncio.TimerHandle] = {}

    def open(self, key: ApiKey) -> tuple[str, SignIn]:
        """Sign a browser in by a key that has proved itself; the text of its cookie, which is told this once.

        The oldest sign-in of the key makes room for one too many. Raises ApiError when there are too many of all keys.
        """
        while len(self._by_key[key.key_id]) >= self._settings.sign_ins_per_key_max:
            self.end(self._by_key[key.key_id][0])
        if len(self._by_digest) >= self._settings.sign_ins_max:
            self._tidy(key.key_id)
            raise ApiError(DoorError.TOO_MANY_SIGN_INS)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        sign_in = SignIn(key, _digest_of(token), self._settings)
        self._by_digest[sign_in.digest] = sign_in
        self._by_key[key.key_id].append(sign_in)
        self._watch(sign_in)
        return token, sign_in

    def find(self, token: str, address: str) -> SignIn:
        """The sign-in of a cookie that comes from an address; it counts as used. Raises ApiError."""
        sign_in = self._by_digest.get(_digest_of(token))
        if sign_in is None:
            raise ApiError(DoorError.NOT_SIGNED_IN)
        if sign_in.left_s <= 0 or self._keys.find(sign_in.key.key_id) is not sign_in.key:
            self.end(sign_in)
            raise ApiError(DoorError.NOT_SIGNED_IN)
        try:
            check_use(sign_in.key.terms, address, time.time_ns())
        except ApiError:
            self.end(sign_in)
            raise
        sign_in.use()
        return sign_in

    def end(self, sign_in: SignIn) -> None:
        """Take a sign-in away; one that is over stays so."""
        if sign_in.is_over:
            return
        del self._by_digest[sign_in.digest]
        self._timers.pop(sign_in.digest).cancel()
        self._by_key[sign_in.key.key_id].remove(sign_in)
        self._tidy(sign_in.key.key_id)
        sign_in.end()

    def end_of_keys(self, key_ids: Iterable[str]) -> None:
        """These keys were revoked."""
        for key_id in key_ids:
            for sign_in in tuple(self._by_key.get(key_id, ())):
                self.end(sign_in)

    def close(self) -> None:
        """The gateway closes."""
        for sign_in in tuple(self._by_digest.values()):
            self.end(sign_in)

    def __len__(self) -> int:
        return len(self._by_digest)

    def _watch(self, sign_in: SignIn) -> None:
        """Look again when it would be over if nobody used it."""
        loop = asyncio.get_running_loop()
        self._timers[sign_in.digest] = loop.call_later(max(sign_in.left_s, 0), self._look, sign_in)

    def _look(self, sign_in: SignIn) -> None:
        if sign_in.left_s <= 0:
            self.end(sign_in)
        else:
            self._watch(sign_in)

    def _tidy(self, key_id: str) -> None:
        if not self._by_key[key_id]:
            del self._by_key[key_id]


def _digest_of(token: str) -> bytes:
    return hashlib.sha256(_bytes_of(token)).digest()


def _bytes_of(text: str) -> bytes:
    """As it came: a header may hold what is no text."""
    return text.encode(errors="surrogateescape")
