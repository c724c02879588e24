"""A curve on two logarithmic axes as an SVG file, in light and in dark."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from load_tests.chart import PALETTES, Palette

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 84, 190, 64, 64
COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626")
UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))

Points = Sequence[tuple[float, float]]


def write_plots(folder: Path, name: str, title: str, axis: str, curves: Mapping[str, Points]) -> None:
    """Write `NAME-light.svg` and `NAME-dark.svg`. A point with a value of nothing has no place on such axes."""
    for theme, palette in PALETTES.items():
        (folder / f"{name}-{theme}.svg").write_text(draw(palette, title, axis, curves), encoding="utf-8")


def draw(palette: Palette, title: str, axis: str, curves: Mapping[str, Points]) -> str:
    """All curves over one axis."""
    shown = {label: [(x, y) for x, y in points if x > 0 and y > 0] for label, points in curves.items()}
    every = [point for points in shown.values() for point in points]
    across, up = _decades([x for x, _ in every]), _decades([y for _, y in every])

    def place(x: float, y: float) -> tuple[float, float]:
        across_px, up_px = _share(x, across) * (WIDTH - LEFT - RIGHT), _share(y, up) * (HEIGHT - TOP - BOTTOM)
        return round(LEFT + across_px, 1), round(HEIGHT - BOTTOM - up_px, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" '
        f'font-size="13" role="img" aria-label="{title}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{palette.paper}"/>'
        f'<text x="24" y="36" fill="{palette.ink}" font-size="18" font-weight="600">{title}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 16}" fill="{palette.faint}">{axis}</text>'
    ]
    rule, bottom = f'stroke="{palette.faint}" stroke-opacity="0.25"', HEIGHT - BOTTOM
    for decade in range(across[0], across[1] + 1):
        x, _ = place(10.0**decade, 10.0 ** up[0])
        parts.append(f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{bottom}" {rule}/>')
        parts.append(_label(x, bottom + 18, _text(decade), palette.faint, "middle"))
    for decade in range(up[0], up[1] + 1):
        _, y = place(10.0 ** across[0], 10.0**decade)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" {rule}/>')
        parts.append(_label(LEFT - 8, y + 4, _text(decade), palette.faint, "end"))
    for number, (label, points) in enumerate(shown.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(f"{x},{y}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        if points:
            x, y = place(*points[-1])
            parts.append(_label(x + 8, y + 4, label, colour, "start"))
    return "".join(parts) + "</svg>\n"


def _label(x: float, y: float, text: str, colour: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text}</text>'


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """From the power of ten below the least to the one above the most, at least one apart."""
    if not values:
        return 0, 1
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _share(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0])


def _text(decade: int) -> str:
    value = 10.0**decade
    for unit, letter in UNITS:
        if value >= unit:
            return f"{value / unit:g} {letter}"
    return f"{value:g}"
