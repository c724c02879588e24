import stat

import apsw
import pytest

from exchange.store_errors import StoreLocked, StoreUnreadable
from gateway.encoding.requests import Role
from gateway.identity.key_terms import ALL_SCOPES
from gateway.identity.keys import FILE_NAME, KeyStore
from gateway.identity.sealing import FILE_NAME as SEALING_FILE


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


def files_of(directory):
    return b"".join(path.read_bytes() for path in directory.iterdir())


def test_no_secret_lies_open_on_the_disk(tmp_path):
    store = KeyStore.open(tmp_path)
    key = store.create(7, ["trader"])
    assert key.secret.encode() not in files_of(tmp_path)
    assert bytes.fromhex(key.secret) not in files_of(tmp_path)
    store.close()


def test_keys_of_an_older_version_are_sealed_at_the_first_start_and_keep_working(tmp_path):
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    connection.execute(
        "CREATE TABLE keys (key_id TEXT PRIMARY KEY, secret TEXT NOT NULL, account_id INTEGER NOT NULL,"
        " roles TEXT NOT NULL, created_ns INTEGER NOT NULL) STRICT"
    )
    old = [(f"key-{n}", f"{n:064x}", n, "admin trader", 1_000 + n) for n in range(200)]
    connection.executemany("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", old)
    connection.close()
    for _ in range(2):
        store = KeyStore.open(tmp_path)
        for key_id, secret, account_id, _, created_ns in old:
            key = store.find(key_id)
            assert (key.secret, key.account_id, key.created_ns) == (secret, account_id, created_ns)
            assert (key.roles, key.terms.scopes) == ({Role.TRADER, Role.ADMIN}, ALL_SCOPES)
        content = files_of(tmp_path)
        assert [secret for _, secret, *_ in old if secret.encode() in content] == []
        store.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sealed_keys SET terms = replace(terms, 'trader', 'admin')",
        "UPDATE sealed_keys SET terms = replace(terms, '7', '8')",
        "UPDATE sealed_keys SET key_id = 'other'",
        "UPDATE sealed_keys SET sealed = zeroblob(92)",
        "UPDATE sealed_keys SET kind = 'ed25519'",
        "UPDATE sealed_keys SET created_ns = created_ns + 1",
    ],
)
def test_a_row_that_was_altered_is_refused_by_name(tmp_path, change):
    store = KeyStore.open(tmp_path)
    store.create(7, ["trader"])
    store.close()
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    connection.execute(change)
    connection.close()
    with pytest.raises(StoreUnreadable, match="seal"):
        KeyStore.open(tmp_path)


def test_keys_without_their_sealing_key_are_refused_and_no_new_one_is_made(tmp_path):
    store = KeyStore.open(tmp_path)
    store.create(7, ["trader"])
    store.close()
    (tmp_path / SEALING_FILE).unlink()
    with pytest.raises(StoreUnreadable, match=SEALING_FILE):
        KeyStore.open(tmp_path)
    assert not (tmp_path / SEALING_FILE).exists()


def test_what_a_key_may_do_is_there_after_a_restart(tmp_path):
    store = KeyStore.open(tmp_path)
    public_key = bytes(range(32))
    made = store.create(
        7, ["trader"], scopes=["read"], networks=["10.0.0.0/8"], expires_ns=5_000, public_key=public_key
    )
    store.close()
    again = KeyStore.open(tmp_path)
    assert again.find(made.key_id) == made
    assert (made.secret, made.public_key, made.terms.expires_ns) == ("", public_key, 5_000)
    again.close()


def test_a_revoked_key_is_gone_at_once_and_after_a_restart(tmp_path):
    store = KeyStore.open(tmp_path)
    kept, gone = store.create(7, ["trader"]), store.create(7, ["trader", "market_maker"])
    assert store.has_role(7, Role.MARKET_MAKER)
    store.revoke([gone.key_id, "nobody"])
    assert store.find(gone.key_id) is None
    assert store.of_account(7) == (kept,)
    assert not store.has_role(7, Role.MARKET_MAKER)
    store.close()
    again = KeyStore.open(tmp_path)
    assert again.of_account(7) == (kept,)
    again.close()


def test_the_keys_that_were_made_with_a_key_are_found_through_all_generations(tmp_path):
    store = KeyStore.open(tmp_path)
    first = store.create(7, ["trader"])
    second = store.add(first.terms, made_by=first.key_id)
    third = store.add(first.terms, made_by=second.key_id)
    store.create(7, ["trader"])
    assert store.made_with(first.key_id) == [second, third]
    assert store.made_with("nobody") == []
    store.close()


def test_a_copy_has_what_it_needs_to_be_opened(tmp_path):
    store = KeyStore.open(tmp_path / "store")
    key = store.create(7, ["trader"])
    (tmp_path / "copy").mkdir()
    store.copy_to(tmp_path / "copy")
    store.close()
    copy = KeyStore.open(tmp_path / "copy")
    assert copy.find(key.key_id) == key
    copy.close()
