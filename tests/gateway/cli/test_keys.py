"""`bwx keys` in the directory of a stopped exchange."""

import asyncio

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from gateway.cli import app
from gateway.identity.keys import KeyStore
from gateway.staff.audit import AuditLog

PUBLIC_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@pytest.fixture
def run(tmp_path):
    def run_with(*arguments, code=0):
        result = CliRunner().invoke(app, ["keys", *arguments, "--directory", str(tmp_path / "store")])
        assert result.exit_code == code, result.output
        return [orjson.loads(line) for line in result.stdout.splitlines()] if code == 0 else result.stderr

    return run_with


def test_a_key_is_made_listed_and_revoked_and_the_audit_log_says_so(run, tmp_path):
    (made,) = run("create", "alice", "--scope", "read", "--network", "10.0.0.0/8", "--expires", "2099-01-01T00:00:00Z")
    (signed,) = run("create", "alice", "--public-key", PUBLIC_KEY)
    assert (signed.keys(), len(made["secret"])) == ({"account", "key_id"}, 64)
    first, second = run("list")
    assert (first["key_id"], first["scopes"], first["networks"]) == (made["key_id"], ["read"], ["10.0.0.0/8"])
    assert (second["kind"], second["public_key"]) == ("ed25519", PUBLIC_KEY)
    assert made["secret"] not in str([first, second])
    assert run("revoke", made["key_id"]) == [{"revoked": [made["key_id"]]}]
    store = KeyStore.open(tmp_path / "store")
    assert [key.key_id for key in store.everything()] == [signed["key_id"]]
    store.close()
    log = AuditLog.open(tmp_path / "store")
    actions = [each.deed.action for each in log.page(100, 100)[0]]
    log.close()
    assert actions == [f"bwx keys revoke {made['key_id']}", "bwx keys create alice", "bwx keys create alice"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--role", "owner"], "roles"),
        (["--scope", "withdraw"], "scopes"),
        (["--network", "10.0.0.1/8"], "host bits"),
        (["--expires", "tomorrow"], "UTC"),
        (["--public-key", "00" * 32], "small order"),
    ],
)
def test_what_a_key_cannot_be_is_said_in_one_line_before_anything_is_opened(run, tmp_path, arguments, message):
    told = run("create", "alice", *arguments, code=2)
    assert message in told
    assert len(told.splitlines()) == 1


def test_a_key_that_is_not_there_and_a_store_that_is_not_there_are_refused(run):
    assert "no store" in run("list", code=2)
    run("create", "alice")
    assert "there is no key nobody" in run("revoke", "nobody", code=2)


async def test_a_key_file_may_hold_the_private_half_of_a_key_of_ed25519(doors, tmp_path):
    private_key = Ed25519PrivateKey.generate()
    await doors.account("alice")
    public_key = private_key.public_key().public_bytes_raw().hex()
    made = await doors.admin.create_key("alice", ["trader"], public_key=public_key)
    fields = {"url": doors.url, "key_id": made.key_id, "private_key": private_key.private_bytes_raw().hex()}
    (tmp_path / "key.json").write_bytes(orjson.dumps(fields))
    arguments = ["trade", "account", "--key", str(tmp_path / "key.json")]
    told = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert told.exit_code == 0, told.output
    assert "alice" in told.output
    (tmp_path / "key.json").write_bytes(orjson.dumps(fields | {"private_key": "short"}))
    told = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert (told.exit_code, "is no key file" in told.stderr) == (2, True)
