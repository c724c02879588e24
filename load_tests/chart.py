"""A bar chart of rates as an SVG file, in light and in dark, for pages that cannot run code."""

from pathlib import Path
from typing import NamedTuple

WIDTH, ROW_HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 44, 190, 90, 64, 44


class Palette(NamedTuple):
    """Colours of one theme."""

    paper: str
    ink: str
    faint: str
    bar: str


PALETTES = {
    "light": Palette("#ffffff", "#1f2430", "#6b7280", "#2563eb"),
    "dark": Palette("#0d1117", "#e6e9ef", "#8b93a1", "#5b9bff"),
}


def write_charts(folder: Path, title: str, method: str, rates: dict[str, float], name: str = "bench") -> None:
    """Write `bench-light.svg` and `bench-dark.svg`, or others, with a bar, in millions a second, for each label."""
    for theme, palette in PALETTES.items():
        (folder / f"{name}-{theme}.svg").write_text(draw(palette, title, method, rates), encoding="utf-8")


def draw(palette: Palette, title: str, method: str, rates: dict[str, float]) -> str:
    """The chart as SVG."""
    height = TOP + ROW_HEIGHT * len(rates) + BOTTOM
    scale = (WIDTH - LEFT - RIGHT) / max(rates.values())
    rows = [
        f'<text x="{LEFT - 14}" y="{y + 20}" fill="{palette.ink}" text-anchor="end">{label}</text>'
        f'<rect x="{LEFT}" y="{y}" width="{rate * scale:.1f}" height="28" rx="4" fill="{palette.bar}"/>'
        f'<text x="{LEFT + rate * scale + 10:.1f}" y="{y + 20}" fill="{palette.ink}" font-weight="600">'
        f"{rate / 1e6:.1f} M/s</text>"
        for y, (label, rate) in zip(range(TOP, height, ROW_HEIGHT), rates.items(), strict=False)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" '
        f'font-size="15" role="img" aria-label="{title}">'
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="{palette.paper}"/>'
        f'<text x="24" y="36" fill="{palette.ink}" font-size="18" font-weight="600">{title}</text>'
        + "".join(rows)
        + f'<text x="24" y="{height - 16}" fill="{palette.faint}" font-size="12">{method}</text></svg>\n'
    )
