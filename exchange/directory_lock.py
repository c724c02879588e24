"""Whose a store's directory is: one opener's that writes, or several openers' that only read."""

import fcntl
import os
from pathlib import Path

from exchange.store_errors import StoreLocked, StoreMissing, StoreUnreadable


class DirectoryLock:
    """The system's lock on a directory. It ends when it is released, or with the process."""

    def __init__(self, directory: Path, *, is_shared: bool) -> None:
        """Take it, for this opener alone or, shared, for openers that only read.

        Raises StoreMissing, StoreLocked where another opener is in the way, or StoreUnreadable.
        """
        try:
            self._descriptor = os.open(directory, os.O_RDONLY)
        except FileNotFoundError as error:
            raise StoreMissing(directory) from error
        except OSError as error:
            raise StoreUnreadable(directory, error) from error
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise StoreLocked(directory) from error
        except OSError as error:
            os.close(self._descriptor)
            raise StoreUnreadable(directory, error) from error

    def release(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)
