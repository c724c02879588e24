"""The key under which a connection is logged in: held by a login or a browser's sign-in, and lost when either ends."""

import asyncio
import time
from collections.abc import Callable, Collection

from gateway.identity.key_terms import Scope
from gateway.identity.keys import ApiKey
from gateway.identity.sign_ins import SignIn
from gateway.limits.connections import ConnectionLimits
from gateway.sockets.socket import KEY_EXPIRED, KEY_REVOKED, SIGN_IN_ENDED, Ending


class Login:
    """Of one connection."""

    def __init__(
        self,
        limits: ConnectionLimits,
        sign_in: SignIn | None,
        forget: Callable[[], None],
        end: Callable[[Ending], None],
    ) -> None:
        """`forget` is called before a key is held no more, `end` when the connection must not go on without it."""
        self.key: ApiKey | None = None
        self._limits = limits
        self._forget = forget
        self._end = end
        self._expiry: asyncio.TimerHandle | None = None
        self._sign_in = sign_in
        """By which the connection was opened, until it logs in by another key."""

    def take_up_sign_in(self) -> None:
        """A browser that has signed in is logged in, for as long as it is signed in. Raises ApiError."""
        sign_in = self._sign_in
        if sign_in is not None and Scope.READ in sign_in.key.terms.scopes:
            self.hold(sign_in.key)
            self._sign_in = sign_in
            sign_in.follow(self._lose_sign_in)

    def hold(self, key: ApiKey) -> None:
        """Count the connection under the key with which it logged in last. Raises ApiError."""
        if self.key is None or self.key.key_id != key.key_id:
            self._limits.hold(key.key_id)
            self.forget()
        self.key = key
        if key.terms.expires_ns:
            left_s = (key.terms.expires_ns - time.time_ns()) / 1e9
            self._expiry = asyncio.get_running_loop().call_later(left_s, self._lose, KEY_EXPIRED)

    def forget(self) -> None:
        """Nobody is logged in any more."""
        self._forget()
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.key is not None:
            self._limits.release(self.key.key_id)
            self.key = None
        if self._sign_in is not None:
            self._sign_in.leave(self._lose_sign_in)
            self._sign_in = None

    def drop(self, key_ids: Collection[str]) -> None:
        """Lose the key at once if it is one of these."""
        if self.key is not None and self.key.key_id in key_ids:
            self._lose(KEY_REVOKED)

    def _lose_sign_in(self) -> None:
        self._lose(SIGN_IN_ENDED)

    def _lose(self, ending: Ending) -> None:
        """Frames that are there already are not served any more."""
        self.forget()
        self._end(ending)
