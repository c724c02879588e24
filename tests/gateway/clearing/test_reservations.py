"""Reservation tokens: what the exchange signs, a provider's equipment believes, and nothing else."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from exchange.store_errors import StoreUnreadable
from gateway.clearing.reservation_key import FILE_NAME, ReservationKey
from gateway.clearing.reservation_token import Reservation
from gateway.client.reservations import InvalidReservationError, verify_reservation

START = datetime(2026, 11, 22, 14, tzinfo=UTC)
MIDDLE = START + timedelta(minutes=30)
RESERVATION = Reservation(
    allocation_id=7,
    buyer="alice",
    provider="fibre-north",
    endpoint="fra1.fibre-north.example:443",
    symbol="eu-fra.ef.20261122T1400Z.PT1H",
    region="eu-fra",
    tier="ef",
    mbps=250,
    start=START,
    end=START + timedelta(hours=1),
)


@pytest.fixture
def key(tmp_path: Path) -> ReservationKey:
    return ReservationKey.open(tmp_path / "store")


def verify(key: ReservationKey, token: str, **terms) -> Reservation:
    return verify_reservation(token, key.key_set(), **({"provider": "fibre-north", "now": MIDDLE} | terms))


def test_a_token_says_what_was_signed(key):
    assert verify(key, key.sign(RESERVATION)) == RESERVATION


def test_the_key_set_goes_through_json(key):
    keys = json.loads(json.dumps(key.key_set()))
    assert "d" not in keys["keys"][0], "the private half is nobody's business"
    assert verify_reservation(key.sign(RESERVATION), keys, provider="fibre-north", now=MIDDLE) == RESERVATION


def test_any_changed_character_makes_a_token_worthless(key):
    token = key.sign(RESERVATION)
    last = token.rfind(".") + 86  # 64 bytes are 86 characters, the last of which has two bits to spare
    for at, character in enumerate(token[: last - 1]):
        forged = token[:at] + ("A" if character != "A" else "B") + token[at + 1 :]
        with pytest.raises(InvalidReservationError):
            verify(key, forged)


def test_a_token_of_another_exchange_is_refused_by_its_key(key, tmp_path):
    other = ReservationKey.open(tmp_path / "other")
    with pytest.raises(InvalidReservationError, match="no key"):
        verify(key, other.sign(RESERVATION))


def test_a_token_that_claims_a_known_key_is_refused_by_its_signature(key, tmp_path):
    other = ReservationKey.open(tmp_path / "other")
    other.key_id = key.key_id
    with pytest.raises(InvalidReservationError, match="Signature"):
        verify(key, other.sign(RESERVATION))


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_signed_otherwise_is_refused(key, algorithm):
    secret = "x" * 32 if algorithm == "HS256" else None
    token = jwt.encode(RESERVATION.claims(), secret, algorithm=algorithm, headers={"kid": key.key_id})
    with pytest.raises(InvalidReservationError):
        verify(key, token)


def test_a_token_is_for_one_provider(key):
    with pytest.raises(InvalidReservationError, match="Audience"):
        verify(key, key.sign(RESERVATION), provider="fibre-south")


def test_a_token_is_for_one_endpoint(key):
    token = key.sign(RESERVATION)
    assert verify(key, token, endpoint=RESERVATION.endpoint) == RESERVATION
    with pytest.raises(InvalidReservationError, match="not for"):
        verify(key, token, endpoint="fra2.fibre-north.example:443")


@pytest.mark.parametrize(
    ("now", "reason"),
    [(START - timedelta(seconds=6), "begins"), (RESERVATION.end + timedelta(seconds=5), "over")],
)
def test_a_token_counts_only_during_its_window(key, now, reason):
    with pytest.raises(InvalidReservationError, match=reason):
        verify(key, key.sign(RESERVATION), now=now)


@pytest.mark.parametrize("now", [START - timedelta(seconds=5), RESERVATION.end + timedelta(seconds=4)])
def test_clocks_may_differ_by_a_few_seconds(key, now):
    assert verify(key, key.sign(RESERVATION), now=now) == RESERVATION


@pytest.mark.parametrize("missing", ["jti", "endpoint", "mbps", "exp"])
def test_a_token_that_leaves_something_out_is_refused(key, missing):
    claims = {name: value for name, value in RESERVATION.claims().items() if name != missing}
    token = jwt.encode(claims, key._private_key, algorithm="EdDSA", headers={"kid": key.key_id})
    with pytest.raises(InvalidReservationError, match=missing):
        verify(key, token)


@pytest.mark.parametrize("token", ["", "a.b.c", "not a token", "a" * 5_000])
def test_what_is_no_token_is_refused(key, token):
    with pytest.raises(InvalidReservationError):
        verify(key, token)


def test_a_store_keeps_its_key_for_its_owner_alone(tmp_path):
    first, second = ReservationKey.open(tmp_path), ReservationKey.open(tmp_path)
    assert first.key_id == second.key_id
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_a_copy_of_the_key_signs_alike(key, tmp_path):
    (tmp_path / "copy").mkdir()
    key.copy_to(tmp_path / "copy")
    assert verify(key, ReservationKey.open(tmp_path / "copy").sign(RESERVATION)) == RESERVATION


def test_a_damaged_key_is_refused_by_name(tmp_path):
    (tmp_path / FILE_NAME).write_text("no key")
    with pytest.raises(StoreUnreadable, match=FILE_NAME):
        ReservationKey.open(tmp_path)


def test_what_was_written_in_part_is_begun_again(tmp_path):
    (tmp_path / FILE_NAME).with_suffix(".part").write_text("half")
    assert ReservationKey.open(tmp_path).key_id
