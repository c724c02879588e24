import re
from pathlib import Path

import pytest

from exchange.venue.schema import Reject
from gateway.errors import CORE_ANSWERS, DOOR_ANSWERS, ApiError, DoorError, error_named

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
CORE_ERRORS = [reject for reject in Reject if reject != Reject.NONE]


def test_every_refusal_of_the_core_and_of_the_doors_has_an_answer():
    assert set(CORE_ANSWERS) == set(CORE_ERRORS)
    assert set(DOOR_ANSWERS) == set(DoorError)


def test_no_name_and_no_number_means_two_things():
    errors = [*CORE_ERRORS, *DoorError]
    assert len({error.name for error in errors}) == len(errors)
    assert len({int(error) for error in errors}) == len(errors)
    assert all(400 <= error <= 499 for error in DoorError)
    assert all(100 <= error <= 399 or 500 <= error <= 599 for error in CORE_ERRORS)


@pytest.mark.parametrize("answer", [*CORE_ANSWERS.values(), *DOOR_ANSWERS.values()], ids=lambda answer: answer.message)
def test_a_refusal_is_never_told_as_a_success(answer):
    assert 400 <= answer.status <= 599
    assert answer.message


def test_an_error_has_exactly_four_fields():
    assert ApiError(Reject.PRICE_OFF_TICK).as_json() == {
        "code": "price_off_tick",
        "number": 106,
        "message": "the price must be a multiple of the tranche's price_step",
        "param": "price",
    }


def test_an_error_is_found_by_its_name():
    assert error_named("nonce_reused") is DoorError.NONCE_REUSED
    assert error_named("price_off_tick") is Reject.PRICE_OFF_TICK
    assert error_named("no_such_error") is None


def test_the_document_lists_every_error_with_its_number_and_status():
    listed = {
        (name, int(number), int(status))
        for number, name, status in re.findall(r"^\| (\d{3}) \| `(\w+)` \| (\d{3}) \|", DOCUMENT.read_text(), re.M)
    }
    answers = {**CORE_ANSWERS, **DOOR_ANSWERS}
    assert listed == {(error.name.lower(), int(error), answer.status) for error, answer in answers.items()}
