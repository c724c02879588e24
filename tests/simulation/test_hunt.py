"""The hunt itself: it repeats itself, names what fails, and goes on."""

from collections import Counter

import pytest
from typer.testing import CliRunner

from tests.simulation import hunt as hunt_module
from tests.simulation.hunt import HUNTERS, app, hunt, seeds_from, summary

SEEDS = (1, 2)


@pytest.mark.parametrize("kind", HUNTERS)
def test_a_short_hunt_finds_nothing(kind):
    met, finds = hunt(iter([(kind, seed) for seed in SEEDS]), lambda met, finds: None)
    assert finds == []
    assert met["commands"] > 100


def test_a_seed_hunts_in_the_same_places_again():
    first, second = (HUNTERS["world"](3) for _ in range(2))
    assert first == second


def test_what_fails_is_told_with_the_command_that_repeats_it_and_the_hunt_goes_on(monkeypatch):
    def fails_at_odd_seeds(seed):
        assert seed % 2 == 0, "an odd one"
        return Counter(commands=10)

    told = []
    monkeypatch.setattr(hunt_module, "HUNTERS", {"odd": fails_at_odd_seeds})
    quarry = iter([("odd", 1), ("odd", 2), ("odd", 3)])
    met, finds = hunt(quarry, lambda met, finds: told.append(len(finds)), hunt_module.HUNTERS)
    assert (met["commands"], [find.seed for find in finds], told) == (10, [1, 3], [1, 1, 2])
    assert "an odd one" in finds[0].report
    assert finds[0].again == "python -m tests.simulation.hunt --again odd:1"
    assert finds[1].again in summary(met, finds)


def test_the_exit_status_says_whether_anything_failed(monkeypatch):
    def fails(seed):
        raise ValueError(seed)

    monkeypatch.setitem(HUNTERS, "crowd", fails)
    runner = CliRunner()
    failed = runner.invoke(app, ["--again", "crowd:5"])
    assert (failed.exit_code, "FAILED crowd 5" in failed.output) == (1, True)
    passed = runner.invoke(app, ["--minutes", "0", "--seed", "4"])
    assert (passed.exit_code, "seed 4" in passed.output) == (0, True)


def test_seeds_follow_from_the_first():
    def some(first):
        quarry = seeds_from(first, ["a", "b"], minutes=1)
        return [next(quarry) for _ in range(4)]

    assert some(5) == some(5) != some(6)
    assert [kind for kind, _ in some(5)] == ["a", "b", "a", "b"]
