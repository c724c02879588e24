"""Cut the demo market's data files out of the published measurements.

Run as `python -m gateway.demo.excerpt SOURCE_DIR`. `data/README.md` names the sources and their licences.
Values are copied character by character: rows and columns are selected, rows stay in the order of the source,
and nothing is rounded or converted. The demand curve is the one aggregate.
"""

import argparse
import csv
import gzip
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from statistics import fmean, median

from gateway.demo.calibration import HOURS_PER_WEEK, load_metros

Row = dict[str, str]

THROUGHPUT_SOURCE = "net/cloud_region_throughput_2022-01-29.csv.gz"
RTT_SOURCE = "net/cloud_region_rtt_2022-04-16.csv.gz"
EGRESS_SOURCE = "price/cloud_egress_usd_per_gb_2023-02.csv"
DEMAND_SOURCE = "net/cesnet_ts24_103_hourly_train.csv.gz"

THROUGHPUT_COLUMNS = ("src_region", "dst_region", "throughput_received")
RTT_COLUMNS = ("src_region", "dst_region", "avg_rtt")
EGRESS_COLUMNS = ("src", "dest", "cost")
DEMAND_COLUMNS = ("hour_of_week", "samples", "median_n_bytes", "factor")


def main() -> None:
    """Rewrite the packaged data files from a folder that holds the sources."""
    parser = argparse.ArgumentParser(description="Cut the demo market's data files out of the sources.")
    parser.add_argument("source_dir", type=Path, help="folder with the source files below net/ and price/")
    write_excerpt(parser.parse_args().source_dir, Path(__file__).with_name("data"))


def write_excerpt(source_dir: Path, target_dir: Path) -> None:
    """Write throughput.csv, rtt.csv, egress.csv and demand.csv; OSError when a source file is missing."""
    clouds = {cloud for metro in load_metros() for cloud in metro.cloud_regions}
    throughput = select_pairs(read_rows(source_dir / THROUGHPUT_SOURCE), clouds, "src_region", "dst_region")
    rtt = select_pairs(read_rows(source_dir / RTT_SOURCE), clouds, "src_region", "dst_region")
    egress = select_pairs(read_rows(source_dir / EGRESS_SOURCE), clouds, "src", "dest")
    demand = demand_curve(read_rows(source_dir / DEMAND_SOURCE))
    write_rows(target_dir / "throughput.csv", THROUGHPUT_COLUMNS, premium_only(throughput))
    write_rows(target_dir / "rtt.csv", RTT_COLUMNS, premium_only(rtt))
    write_rows(target_dir / "egress.csv", EGRESS_COLUMNS, egress)
    write_rows(target_dir / "demand.csv", DEMAND_COLUMNS, demand)


def select_pairs(rows: Iterable[Row], clouds: set[str], source: str, destination: str) -> Iterator[Row]:
    """Keep the rows whose two cloud regions both stand in a metro of the demo market."""
    return (row for row in rows if row[source] in clouds and row[destination] in clouds)


def premium_only(rows: Iterable[Row]) -> Iterator[Row]:
    """Keep runs over the providers' own backbones; the source also has runs over the cheaper tier of one."""
    return (row for row in rows if row["src_tier"] == row["dst_tier"] == "PREMIUM")


def demand_curve(rows: Iterable[Row]) -> list[Row]:
    """Median bytes for each hour of the week from Monday 00:00 UTC, and their ratio to the medians' mean.

    A median is not moved by single bursts, nor by an hour that the source lacks. Dividing by the mean of the
    medians, and not of the series, makes the mean factor 1. ValueError when an hour of the week never occurs.
    """
    samples: list[list[int]] = [[] for _ in range(HOURS_PER_WEEK)]
    for row in rows:
        time = datetime.fromisoformat(row["time"])
        samples[time.weekday() * 24 + time.hour].append(int(row["n_bytes"]))
    if not all(samples):
        raise ValueError("the source does not cover every hour of the week")
    medians = [median(hour) for hour in samples]
    mean = fmean(medians)
    return [
        {
            "hour_of_week": str(hour),
            "samples": str(len(samples[hour])),
            "median_n_bytes": f"{medians[hour]:.1f}",
            "factor": f"{medians[hour] / mean:.6f}",
        }
        for hour in range(HOURS_PER_WEEK)
    ]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file, gzipped or plain."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def write_rows(path: Path, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write the named columns of the rows, one line each, ended by a line feed on every system."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
