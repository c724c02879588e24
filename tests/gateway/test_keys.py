import stat

import pytest

from exchange.store_errors import StoreLocked, StoreUnreadable
from gateway.keys import FILE_NAME, KeyStore
from gateway.requests import Role


def test_a_key_is_still_there_after_a_restart(tmp_path):
    store = KeyStore.open(tmp_path)
    made = store.create(7, ["trader", "admin"])
    store.close()
    again = KeyStore.open(tmp_path)
    assert again.find(made.key_id) == made
    assert made.roles == {Role.TRADER, Role.ADMIN}
    again.close()


def test_only_the_owner_can_read_the_file_of_keys(tmp_path):
    KeyStore.open(tmp_path).close()
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_no_two_keys_are_alike_and_an_unknown_one_is_not_found(tmp_path):
    store = KeyStore.open(tmp_path)
    first, second = store.create(7, ["trader"]), store.create(7, ["trader"])
    assert first.key_id != second.key_id
    assert first.secret != second.secret
    assert store.find("nobody") is None
    store.close()


def test_a_key_keeps_its_secret_out_of_logs(tmp_path):
    store = KeyStore.open(tmp_path)
    key = store.create(7, ["trader"])
    assert key.secret not in f"{key} {key!r}"
    assert key.key_id in repr(key)
    store.close()


def test_an_unknown_role_makes_no_key(tmp_path):
    store = KeyStore.open(tmp_path)
    with pytest.raises(ValueError, match="owner"):
        store.create(7, ["owner"])
    store.close()


def test_two_openers_cannot_hold_the_keys_at_once(tmp_path):
    store = KeyStore.open(tmp_path)
    with pytest.raises(StoreLocked):
        KeyStore.open(tmp_path)
    store.close()


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 1_000)
    with pytest.raises(StoreUnreadable):
        KeyStore.open(tmp_path)
