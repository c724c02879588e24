import stat

import pytest

from exchange.store_errors import StoreUnreadable
from gateway.identity.sealing import ENVIRONMENT, FILE_NAME, SealBroken, SealingKey


def test_what_is_sealed_opens_with_the_same_key_and_what_it_belongs_to(tmp_path):
    sealed = SealingKey.open(tmp_path, create=True).seal(b"secret", b"row 1")
    again = SealingKey.open(tmp_path, create=False)
    assert b"secret" not in sealed
    assert again.unseal(sealed, b"row 1") == b"secret"
    with pytest.raises(SealBroken):
        again.unseal(sealed, b"row 2")


def test_no_bit_of_what_is_sealed_can_be_altered(tmp_path):
    key = SealingKey.open(tmp_path, create=True)
    sealed = key.seal(b"secret", b"")
    for bit in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            key.unseal(bytes(altered), b"")
    with pytest.raises(SealBroken):
        key.unseal(sealed[:11], b"")


def test_the_same_secret_is_sealed_differently_each_time(tmp_path):
    key = SealingKey.open(tmp_path, create=True)
    assert len({key.seal(b"secret", b"") for _ in range(100)}) == 100


def test_only_the_owner_can_read_the_file(tmp_path):
    SealingKey.open(tmp_path, create=True)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_a_file_that_others_can_read_is_refused_by_name(tmp_path):
    SealingKey.open(tmp_path, create=True)
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(StoreUnreadable, match="others"):
        SealingKey.open(tmp_path, create=True)


@pytest.mark.parametrize("content", ["", "00" * 31, "zz" * 32, "00" * 33])
def test_a_file_that_holds_no_key_is_refused_by_name(tmp_path, content):
    path = tmp_path / FILE_NAME
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(StoreUnreadable, match="hexadecimal"):
        SealingKey.open(tmp_path, create=True)


def test_a_key_that_was_lost_is_not_replaced_in_silence(tmp_path):
    with pytest.raises(StoreUnreadable):
        SealingKey.open(tmp_path, create=False)
    assert not (tmp_path / FILE_NAME).exists()


def test_a_key_in_the_environment_leaves_none_in_the_folder_or_in_a_copy(tmp_path, monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, "ab" * 32)
    key = SealingKey.open(tmp_path, create=True)
    copy = tmp_path / "copy"
    copy.mkdir()
    key.copy_to(copy)
    assert list(tmp_path.iterdir()) == [copy]
    assert list(copy.iterdir()) == []
    sealed = key.seal(b"secret", b"")
    assert SealingKey.open(tmp_path, create=False).unseal(sealed, b"") == b"secret"
    monkeypatch.setenv(ENVIRONMENT, "ab")
    with pytest.raises(StoreUnreadable, match=ENVIRONMENT):
        SealingKey.open(tmp_path, create=True)
