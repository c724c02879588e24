import time

import pytest
from multidict import CIMultiDict

from gateway.encoding.requests import LoginRequest, Role
from gateway.errors import ApiError
from gateway.identity.auth import Authenticator, Credentials, NonceMemory, require_role
from gateway.identity.key_terms import ApiKey, KeyTerms
from gateway.identity.keys import KeyStore
from gateway.identity.signing import canonical, sign
from gateway.settings import GatewaySettings

METHOD, PATH, BODY = "POST", "/v1/orders?x=1", b'{"a":1}'
WINDOW_MS = GatewaySettings().signature_window_ms


@pytest.fixture
def keys(tmp_path):
    store = KeyStore.open(tmp_path)
    yield store
    store.close()


@pytest.fixture
def key(keys):
    return keys.create(7, ["trader"])


@pytest.fixture
def authenticator(keys):
    return Authenticator(keys, GatewaySettings())


def now_ms():
    return time.time_ns() // 1_000_000


def signed(key, *, nonce="nonce-1", timestamp=None, method=METHOD, path=PATH, body=BODY):
    timestamp = str(now_ms() if timestamp is None else timestamp)
    signature = sign(key.secret, canonical(method, path, timestamp, nonce, body))
    return Credentials(key.key_id, timestamp, nonce, signature)


def refusal_of(call, *arguments):
    with pytest.raises(ApiError) as caught:
        call(*arguments)
    return caught.value


def test_the_signed_bytes_are_five_lines():
    assert canonical("GET", "/v1/account?min_seq=5", "1795356000250", "n1", b"") == (
        b"GET\n/v1/account?min_seq=5\n1795356000250\nn1\n"
        b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_the_signature_is_hmac_sha256():
    # The second test case of RFC 4231.
    assert sign("Jefe", b"what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_a_signed_request_names_its_key(authenticator, key):
    assert authenticator.verify(signed(key), METHOD, PATH, BODY) == key


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", PATH, BODY),
        (METHOD, "/v1/orders?x=2", BODY),
        (METHOD, "/v1/orders", BODY),
        (METHOD, "/v1/orders%3Fx=1", BODY),
        (METHOD, PATH, b'{"a":2}'),
        (METHOD, PATH, b'{"a": 1}'),
        (METHOD, PATH, b""),
    ],
    ids=str,
)
def test_a_request_that_was_altered_on_the_way_is_refused(authenticator, key, method, path, body):
    assert refusal_of(authenticator.verify, signed(key), method, path, body).code == "bad_signature"


@pytest.mark.parametrize("change", [{"nonce": "nonce-2"}, {"timestamp": "now"}, {"signature": "0" * 64}], ids=str)
def test_credentials_that_were_altered_are_refused(authenticator, key, change):
    if change == {"timestamp": "now"}:
        change = {"timestamp": str(now_ms() + 5)}
    credentials = signed(key)._replace(**change)
    assert refusal_of(authenticator.verify, credentials, METHOD, PATH, BODY).code == "bad_signature"


@pytest.mark.parametrize("signature", ["", "é" * 64, "A" * 64, "0" * 63, "0" * 100_000], ids=lambda text: text[:8])
def test_a_signature_of_any_other_form_is_refused_by_the_same_name(authenticator, key, signature):
    credentials = signed(key)._replace(signature=signature)
    assert refusal_of(authenticator.verify, credentials, METHOD, PATH, BODY).code == "bad_signature"


def test_the_secret_of_another_key_does_not_do(authenticator, keys, key):
    other = keys.create(8, ["trader"])
    forged = signed(other)._replace(key_id=key.key_id)
    assert refusal_of(authenticator.verify, forged, METHOD, PATH, BODY).code == "bad_signature"


def test_an_unknown_key_is_refused(authenticator, key):
    stranger = signed(key)._replace(key_id="0123456789abcdef")
    assert refusal_of(authenticator.verify, stranger, METHOD, PATH, BODY).code == "unknown_key"


def test_a_request_counts_once(authenticator, key):
    credentials = signed(key)
    authenticator.verify(credentials, METHOD, PATH, BODY)
    assert refusal_of(authenticator.verify, credentials, METHOD, PATH, BODY).code == "nonce_reused"


def test_a_nonce_may_not_come_again_under_a_new_signature(authenticator, key):
    authenticator.verify(signed(key), METHOD, PATH, BODY)
    again = signed(key, timestamp=now_ms() + 1)
    assert refusal_of(authenticator.verify, again, METHOD, PATH, BODY).code == "nonce_reused"


def test_two_keys_may_use_the_same_nonce(authenticator, keys, key):
    other = keys.create(8, ["trader"])
    authenticator.verify(signed(key), METHOD, PATH, BODY)
    assert authenticator.verify(signed(other), METHOD, PATH, BODY) == other


def test_a_forged_request_does_not_use_up_a_nonce(authenticator, key):
    refusal_of(authenticator.verify, signed(key)._replace(signature="0" * 64), METHOD, PATH, BODY)
    assert authenticator.verify(signed(key), METHOD, PATH, BODY) == key


def test_a_request_from_the_far_future_is_refused_with_the_servers_time_and_the_skew(authenticator, key):
    late = signed(key, timestamp=now_ms() + WINDOW_MS + 5_000)
    refusal = refusal_of(authenticator.verify, late, METHOD, PATH, BODY)
    assert refusal.code == "timestamp_out_of_window"
    assert "server time is" in refusal.message
    assert "+34" in refusal.message or "+35" in refusal.message


def test_a_request_from_before_the_start_is_refused_because_its_nonce_may_be_forgotten(keys, key):
    early = signed(key)
    time.sleep(0.002)
    restarted = Authenticator(keys, GatewaySettings())
    assert refusal_of(restarted.verify, early, METHOD, PATH, BODY).code == "timestamp_out_of_window"


def test_a_request_outlives_its_window_nowhere(keys, key):
    authenticator = Authenticator(keys, GatewaySettings(signature_window_ms=20))
    old = signed(key)
    time.sleep(0.04)
    assert refusal_of(authenticator.verify, old, METHOD, PATH, BODY).code == "timestamp_out_of_window"


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "1.5", "1e12", "9" * 16], ids=repr)
def test_a_timestamp_is_milliseconds_in_digits(authenticator, key, timestamp):
    refusal = refusal_of(authenticator.verify, signed(key, timestamp=timestamp), METHOD, PATH, BODY)
    assert (refusal.code, refusal.param) == ("invalid_value", "BWX-TIMESTAMP")


@pytest.mark.parametrize("nonce", ["", "a b", "x" * 65, "é"], ids=repr)
def test_a_nonce_is_short_printable_text(authenticator, key, nonce):
    refusal = refusal_of(authenticator.verify, signed(key, nonce=nonce), METHOD, PATH, BODY)
    assert (refusal.code, refusal.param) == ("invalid_value", "BWX-NONCE")


@pytest.mark.parametrize("missing", ["BWX-KEY", "BWX-TIMESTAMP", "BWX-NONCE", "BWX-SIGNATURE"])
def test_the_header_that_is_missing_is_named(missing):
    headers = {name: "x" for name in ("BWX-KEY", "BWX-TIMESTAMP", "BWX-NONCE", "BWX-SIGNATURE") if name != missing}
    refusal = refusal_of(Credentials.from_headers, CIMultiDict(headers))
    assert (refusal.code, refusal.param) == ("not_signed", missing)


def test_a_login_is_a_signed_request_of_its_own(authenticator, key):
    login = signed(key, method="LOGIN", path="/v1/ws", body=b"")
    request = LoginRequest(key=login.key_id, timestamp=login.timestamp, nonce=login.nonce, signature=login.signature)
    assert authenticator.verify_login(request, "127.0.0.1") == key


def test_the_signature_of_a_request_does_not_log_in(authenticator, key):
    other = signed(key, method="GET", path="/v1/ws", body=b"")
    request = LoginRequest(key=other.key_id, timestamp=other.timestamp, nonce=other.nonce, signature=other.signature)
    refusal = refusal_of(authenticator.verify_login, request, "127.0.0.1")
    assert (refusal.code, refusal.param) == ("bad_signature", "signature")


def test_nonces_are_remembered_for_as_long_as_their_request_could_live():
    memory = NonceMemory(capacity=10, kept_ms=60)
    memory.take("key", "n", now_ms=1_000)
    assert refusal_of(memory.take, "key", "n", 1_060).code == "nonce_reused"
    memory.take("key", "n", now_ms=1_061)


def test_nonces_are_refused_rather_than_forgotten_when_there_is_no_room():
    memory = NonceMemory(capacity=2, kept_ms=60)
    memory.take("key", "a", now_ms=1_000)
    memory.take("key", "b", now_ms=1_001)
    assert refusal_of(memory.take, "key", "c", 1_002).code == "too_many_nonces"
    memory.take("key", "c", now_ms=1_061)


def test_a_key_does_what_its_roles_cover():
    provider = ApiKey("id", "secret", KeyTerms(7, frozenset({Role.PROVIDER})), 0)
    require_role(provider, Role.TRADER, Role.PROVIDER)
    assert refusal_of(require_role, provider, Role.ADMIN).code == "role_missing"
