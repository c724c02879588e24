"""Strain and financing at the doors: telemetry of many regions in one call, caps, what cash costs, and who sees it."""

from decimal import Decimal

import pytest

from exchange.venue.schema import Command
from gateway.encoding.requests import REGIONS_AT_ONCE_MAX

SELL, BUY = "sell", "buy"
SHOCKS = ["0.010000", "-0.020000"] * 7 + ["0.000500"]
PLACE = "regions[0].utilisation_ppm"
CURVE = {"base_ppm": 0, "slope_1_ppm": 48_000, "slope_2_ppm": 1_000_000, "optimum_ppm": 800_000}


def code_of(answer):
    return answer["error"]["code"]


async def test_regions_are_at_ease_and_cash_costs_nothing_until_somebody_says_so(doors):
    status, answer = await doors.ask("GET", "/v1/regions")
    assert status == 200
    nothing = {"utilisation_ppm": 0, "low_ppm": 0, "high_ppm": 0, "strain_ppm": 0}
    assert answer["regions"] == [{"region": code} | nothing for code in ("eu-fra", "us-nyc")]
    assert set(answer["financing"].values()) == {0}
    assert answer["sequence"] > 0


async def test_many_regions_are_told_at_once_and_everybody_sees_it(doors):
    await doors.admin.set_utilisation({"us-nyc": 450_000, "eu-fra": 870_000})
    await doors.admin.set_strain("eu-fra", low_ppm=600_000, high_ppm=900_000)
    await doors.admin.set_financing(**CURVE)
    found = await doors.admin.regions()
    assert [(each.region, each.utilisation_ppm, each.strain_ppm) for each in found.regions] == [
        ("eu-fra", 870_000, 900_000),
        ("us-nyc", 450_000, 0),
    ]
    assert (found.financing.slope_2_ppm, found.financing.optimum_ppm) == (1_000_000, 800_000)


async def test_a_strained_region_requires_more_and_less_again(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, SELL, 10, "0.04")
        await bob.place(doors.symbol, BUY, 10, "0.04")
        await doors.admin.set_risk_parameters(doors.symbol, "0.04", SHOCKS, spread="0.001")
        await doors.admin.set_strain("eu-fra", low_ppm=600_000, high_ppm=900_000)
        margins = []
        for used_ppm in (0, 750_000, 900_000, 0):
            await doors.admin.set_utilisation({"eu-fra": used_ppm})
            margins.append((await bob.account()).balances.margin)
    assert margins == [Decimal(each) for each in ("0.21", "0.31", "0.41", "0.21")]


async def test_each_region_is_a_command_of_its_own(doors):
    root = await doors.account("root", ("admin",))
    seen = []
    doors.exchange.subscribe(lambda batch: seen.extend(batch.commands["kind"].tolist()))
    told = [{"region": "us-nyc", "utilisation_ppm": 1}, {"region": "eu-fra", "utilisation_ppm": 2}]
    status, answer = await doors.ask("POST", "/v1/admin/utilisation", root, {"regions": told})
    assert (status, answer["regions"]) == (200, ["us-nyc", "eu-fra"])
    assert seen.count(Command.SET_UTILISATION) == 2
    assert doors.exchange.view.sequence >= answer["sequence"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param"),
    [
        ("utilisation", {}, 422, "missing_field", "regions"),
        ("utilisation", {"regions": []}, 422, "invalid_value", "regions"),
        ("utilisation", {"regions": [{"region": "gold", "utilisation_ppm": 1}]}, 404, "unknown_region", "region"),
        ("utilisation", {"regions": [{"region": "eu-fra", "utilisation_ppm": 1}] * 2}, 422, "invalid_value", "regions"),
        ("utilisation", {"regions": [{"region": "eu-fra", "utilisation_ppm": -1}]}, 422, "invalid_value", PLACE),
        ("utilisation", {"regions": [{"region": "eu-fra", "utilisation_ppm": 0.5}]}, 422, "wrong_type", PLACE),
        (
            "utilisation",
            {"regions": [{"region": "eu-fra", "utilisation_ppm": 10_000_001}]},
            422,
            "strain_out_of_range",
            None,
        ),
        (
            "utilisation",
            {"regions": [{"region": f"r-{n}", "utilisation_ppm": 1} for n in range(REGIONS_AT_ONCE_MAX + 1)]},
            422,
            "invalid_value",
            "regions",
        ),
        ("strain", {"region": "gold", "low_ppm": 1, "high_ppm": 2}, 404, "unknown_region", "region"),
        ("strain", {"region": "eu-fra", "low_ppm": 2, "high_ppm": 2}, 422, "strain_out_of_range", None),
        ("strain", {"region": "eu-fra", "low_ppm": 2}, 422, "missing_field", "high_ppm"),
        ("financing", CURVE | {"optimum_ppm": 0}, 422, "financing_out_of_range", None),
        ("financing", CURVE | {"slope_2_ppm": 10_000_000}, 422, "financing_out_of_range", None),
        ("financing", CURVE | {"base_ppm": "1"}, 422, "wrong_type", "base_ppm"),
    ],
    ids=str,
)
async def test_what_cannot_be_is_refused_by_name(doors, path, body, status, code, param):
    root = await doors.account("root", ("admin",))
    got, answer = await doors.ask("POST", f"/v1/admin/{path}", root, body)
    assert (got, code_of(answer), answer["error"]["param"]) == (status, code, param)


async def test_a_call_that_names_an_unknown_region_sets_none(doors):
    root = await doors.account("root", ("admin",))
    told = [{"region": each, "utilisation_ppm": 5} for each in ("eu-fra", "gold")]
    assert (await doors.ask("POST", "/v1/admin/utilisation", root, {"regions": told}))[0] == 404
    assert doors.exchange.view.strains == {}


@pytest.mark.parametrize("path", ["utilisation", "strain", "financing"])
async def test_only_administrators_make_leverage_dearer(doors, path):
    trader = await doors.account("alice")
    status, answer = await doors.ask("POST", f"/v1/admin/{path}", trader, {})
    assert (status, code_of(answer)) == (403, "role_missing")
