"""What a book of plain maps, written in another language, makes of each generated flow: figures kept as facts.

    python -m tests.load_tests.figures REFERENCE    # asks such a book again, as `make bench REFERENCE=...` does

The flows are made from their seed, so that figures and a checksum of each are all that need be kept.
"""

import argparse
import json
import tempfile
import zlib
from pathlib import Path
from typing import NamedTuple

from load_tests.reference import FIGURES, ask_reference
from load_tests.shapes import SHAPES

FILE = Path(__file__).with_suffix(".json")
SEED = 1
PLAIN_INSTRUMENTS = (1, 1_000, 50_000)
PLAIN_OPERATIONS = 2_000_000
"""As many as `make bench` measures."""
DEEP_OPERATIONS = 2_400_000
OTHER_OPERATIONS = 500_000


class Flow(NamedTuple):
    """Which flow."""

    shape: str
    instruments: int
    operations: int

    def write(self, path: Path) -> int:
        """Make it; its checksum."""
        payload = SHAPES[self.shape].make(self.operations, self.instruments, SEED).tobytes()
        path.write_bytes(payload)
        return zlib.crc32(payload)


FLOWS = [
    *(Flow("plain", instruments, PLAIN_OPERATIONS) for instruments in PLAIN_INSTRUMENTS),
    *(
        Flow(name, shape.instruments, DEEP_OPERATIONS if name == "deep" else OTHER_OPERATIONS)
        for name, shape in SHAPES.items()
        if name != "plain"
    ),
]


def main() -> None:
    """Ask the other book about every flow, and keep what it tells."""
    parser = argparse.ArgumentParser(description="Keep what another book makes of the generated flows.")
    parser.add_argument("reference", type=Path)
    reference = parser.parse_args().reference
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.bin"
        for flow in FLOWS:
            checksum = flow.write(path)
            told = ask_reference(reference, path, flow.instruments)
            rows.append(flow._asdict() | {"checksum": checksum} | {ours: told[name] for name, ours in FIGURES.items()})
    FILE.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
