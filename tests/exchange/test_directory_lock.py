"""One opener that writes, or several that read."""

import subprocess
import sys
from pathlib import Path

import pytest

from exchange.directory_lock import DirectoryLock
from exchange.store_errors import StoreLocked, StoreMissing, StoreUnreadable


@pytest.mark.parametrize("is_shared", [False, True])
def test_whoever_writes_keeps_all_others_out_until_it_is_done(tmp_path: Path, is_shared: bool) -> None:
    lock = DirectoryLock(tmp_path, is_shared=False)
    with pytest.raises(StoreLocked):
        DirectoryLock(tmp_path, is_shared=is_shared)
    lock.release()
    DirectoryLock(tmp_path, is_shared=is_shared).release()


def test_whoever_reads_keeps_writers_out_and_no_readers(tmp_path: Path) -> None:
    locks = [DirectoryLock(tmp_path, is_shared=True) for _ in range(3)]
    with pytest.raises(StoreLocked):
        DirectoryLock(tmp_path, is_shared=False)
    for lock in locks:
        lock.release()
    DirectoryLock(tmp_path, is_shared=False).release()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    take = "DirectoryLock(Path(sys.argv[1]), is_shared=False); print('taken', flush=True); time.sleep(60)"
    program = f"import sys, time; from pathlib import Path; from exchange.directory_lock import DirectoryLock; {take}"
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"taken\n"
        with pytest.raises(StoreLocked):
            DirectoryLock(tmp_path, is_shared=True)
        child.kill()
    DirectoryLock(tmp_path, is_shared=False).release()


def test_what_is_no_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        DirectoryLock(tmp_path / "none", is_shared=True)
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnreadable):
        DirectoryLock(tmp_path / "file" / "none", is_shared=True)
