"""What can go wrong with the embedded store, one name for each.

    StoreError
    ├── StoreLocked               another process, or another opener in this one, holds the store
    ├── StoreMissing              no store where one was expected
    ├── StoreUnreadable           the disk or SQLite refused to open or read a file
    ├── HeadMissing               a journal that holds rows has no readable head beside it
    ├── JournalFailed             a write or sync failed: the journal takes no more rows until reopened
    │   └── JournalFull           the disk is full: nothing of the row was written, the journal goes on
    ├── JournalCorrupt            a row is damaged or missing; names the first bad sequence
    │   └── JournalUnlikeHead     the row at the head's sequence is not the one that the head saw
    ├── JournalShorterThanHead    rows that were acknowledged are gone from the end
    ├── JournalTrimmed            what is asked for needs rows that were removed because they were too old
    ├── JournalOfOtherRules       a row was decided by another version of the rules
    ├── SequenceRefused           a sequence that does not continue the journal, or is not in it
    ├── SnapshotFailed            a snapshot could not be saved; the journal is not affected
    ├── UpgradeRefused            a store of other rules that this program cannot bring forward
    └── CopyRefused               a backup that would overwrite something, or a restore over a living store

Every message says what is wrong, in which file, and what to do about it.
"""
# ruff: noqa: N818 - these are named for what is wrong, and callers read them as such.

from collections.abc import Sequence
from pathlib import Path


class StoreError(Exception):
    """Base of all refusals of the store; never raised itself."""


class StoreLocked(StoreError):
    """The store is open elsewhere: two writers would tear the chain of the journal."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is held by another opener: stop the exchange that runs on this directory, "
            "or name another directory"
        )


class StoreMissing(StoreError):
    """There is no such file, and creating it was not asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no store at {path}: check the path, or let the exchange create it")


class StoreUnreadable(StoreError):
    """SQLite or the operating system could not open or read a file of the store."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(
            f"{path} cannot be opened or read ({reason}): check the disk and the permissions; "
            "if the file itself is damaged, restore the directory from a backup or a standby"
        )


class HeadMissing(StoreError):
    """Without a head nobody can tell whether the newest rows of the journal were lost."""

    def __init__(self, path: Path, journal_sequence: int) -> None:
        super().__init__(
            f"{path} is missing or unreadable, yet the journal reaches sequence {journal_sequence}: "
            "restore the head from a backup or a standby; if you are sure that no tail was lost, "
            "open the journal once with accept_missing_head=True"
        )


class JournalFailed(StoreError):
    """An append was not made durable, or may not have been. A failed sync is never tried again,
    because the system may since have forgotten the data and would report success."""

    def __init__(self, path: Path, sequence: int, reason: object) -> None:
        self.sequence = sequence
        super().__init__(
            f"{path} failed at sequence {sequence} ({reason}): nothing from there on is acknowledged; "
            "mend the disk, then restart the exchange, which reads back what is durable"
        )


class JournalFull(JournalFailed):
    """The disk has no room for another row. The transaction was rolled back before it was synced, so that nothing of
    the row is there, all earlier rows are intact, and the journal may be appended to again."""

    def __init__(self, path: Path, sequence: int, reason: object) -> None:
        super().__init__(path, sequence, reason)
        self.args = (
            f"{path} has no room for sequence {sequence} ({reason}): nothing of it was written; make room on the disk",
        )


class JournalCorrupt(StoreError):
    """A row is not what was written. `first_bad_sequence` is the first that cannot be trusted."""

    def __init__(self, path: Path, first_bad_sequence: int, reason: object) -> None:
        self.first_bad_sequence = first_bad_sequence
        super().__init__(
            f"{path} is damaged from sequence {first_bad_sequence} on ({reason}): "
            "keep the directory as it is for inspection, and restore a backup or promote a standby"
        )


class JournalUnlikeHead(JournalCorrupt):
    """Journal and head belong to different histories, or one of them was altered."""


class JournalShorterThanHead(StoreError):
    """The head remembers rows that the journal no longer holds."""

    def __init__(self, path: Path, journal_sequence: int, head_sequence: int) -> None:
        self.journal_sequence = journal_sequence
        self.head_sequence = head_sequence
        super().__init__(
            f"{path} ends at sequence {journal_sequence}, but its head stands at sequence {head_sequence}: "
            "acknowledged rows are lost; keep the directory as it is for inspection, "
            "and restore a backup or promote a standby"
        )


class JournalTrimmed(StoreError):
    """The journal is sound, and begins later than what is asked for. `first_sequence` is its first."""

    def __init__(self, path: Path, first_sequence: int, needed_for: object, notices: Sequence[str] = ()) -> None:
        self.first_sequence = first_sequence
        why = f" ({'; '.join(notices)})" if notices else ""
        super().__init__(
            f"{path} begins at sequence {first_sequence}: older rows were trimmed, and {needed_for} needs them{why}; "
            "ask for something later, or restore a backup that has them to another directory and ask there"
        )


class JournalOfOtherRules(StoreError):
    """Replaying a row under other rules than those that decided it gives another market."""

    def __init__(self, path: Path, sequence: int, found: str, expected: str) -> None:
        self.sequence = sequence
        self.found = found
        self.expected = expected
        super().__init__(
            f"{path} was written under rules {found!r} at sequence {sequence}, this program has rules "
            f"{expected!r}: open it with the program that wrote it, or bring it forward with `bwx upgrade`"
        )


class SequenceRefused(StoreError):
    """The caller's count of records and the journal's do not agree."""

    def __init__(self, path: Path, sequence: int, journal_sequence: int) -> None:
        super().__init__(
            f"sequence {sequence} does not fit {path}, which ends at sequence {journal_sequence}: "
            "rebuild the state from the journal"
        )


class SnapshotFailed(StoreError):
    """A snapshot was not saved. Recovery takes an older one and replays more of the journal."""

    def __init__(self, path: Path, sequence: int, reason: object) -> None:
        self.reason = reason
        super().__init__(
            f"the snapshot at sequence {sequence} was not saved to {path} ({reason}): the journal is not affected, "
            "but the next start replays more of it; make room on the disk, or mend it and restart"
        )


class UpgradeRefused(StoreError):
    """The store cannot be brought to the rules of this program as it stands. Nothing was changed."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"{path} is not upgraded: {reason}")


class CopyRefused(StoreError):
    """A store is copied only to where there is nothing. Nothing was written."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"{path} is not written to: {reason}")
