"""A chart on logarithmic axes is whole for any points, and its curves rise where the values do."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from load_tests.chart import PALETTES
from load_tests.plot import HEIGHT, WIDTH, draw, write_plots


def corners(svg: str) -> list[tuple[float, float]]:
    (line,) = re.findall(r'<polyline points="([^"]*)"', svg)
    return [(float(x), float(y)) for x, y in (point.split(",") for point in line.split())]


def test_equal_ratios_are_equal_distances_within_the_picture() -> None:
    svg = draw(PALETTES["light"], "title", "axis", {"curve": [(1, 1e6), (100, 1e5), (10_000, 1e4)]})
    ET.fromstring(svg)
    (x1, y1), (x2, y2), (x3, y3) = corners(svg)
    assert abs((x2 - x1) - (x3 - x2)) < 0.2
    assert abs((y2 - y1) - (y3 - y2)) < 0.2
    assert 0 < x1 < x3 < WIDTH
    assert 0 < y1 < y3 < HEIGHT, "less stands lower"


def test_points_of_nothing_are_left_out_and_one_point_is_enough(tmp_path: Path) -> None:
    assert len(corners(draw(PALETTES["dark"], "title", "axis", {"curve": [(0, 5), (5, 0), (7, 7)]}))) == 1
    write_plots(tmp_path, "empty", "title", "axis", {"curve": []})
    for theme in PALETTES:
        ET.fromstring((tmp_path / f"empty-{theme}.svg").read_text())
