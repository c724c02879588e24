"""Requests that are nearly right: a valid one of which something is changed, by dice that begin with a seed."""

import copy
import json
import random
import re
from typing import Any

DEPTH_MAX = 20_000
"""Deeper than any parser goes on its stack, and within the limit of a frame."""
FRAME_BYTES_MAX = 64 * 1024
LONG = ("9", "0", "1.", "-", "a", "e", "é", " ", "PT1H")
LONG_TIMES = 15_000
NAMES = 5_000
"""So many fields of a request make reading them in more than one go felt."""
RAW = re.compile(r'"@([^"@]*)@"')
"""Text between these signs is written into the JSON as it stands."""

NUMBERS = (
    *(0, 1, -1, 7, 255, 65_535, 65_536, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 53, (1 << 63) - 1),
    *(1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63), 10**20, -(10**19), 10**400),
    *(0.0, -0.0, 0.5, 1e-9, 1e308, float("nan"), float("inf"), float("-inf")),
    *("@1e999@", "@-1e999@", "@1E400@", "@0.1e-400@", "@-0@", "@01@", "@+1@", "@.5@", "@1.@", "@0x10@", "@1_000@"),
)
DECIMALS = (
    *("0", "-0", "0.0", "1", "0.040000", "0.04", "0.0400001", "1e3", "1E-3", "NaN", "Infinity", "-1", "+1", " 1"),
    *("1 ", "1_0", ".5", "5.", "00", "0.000001", "1073.741823", "1073.741824", "1099511627776", "1099511627777"),
    *("9223372036854775807", "9223372036854775808", "9" * 40, "9" * 41, "9" * 5_000, "0." + "0" * 60 + "1", "٣", "1"),
)
TEXTS = (
    *("", " ", "a", "null", "true", "NaN", "gtc", "gtd", "fok", "ioc", "buy", "sell", "BUY", "ef", "all", "raw", "1m"),
    *("\x00", "\n", "\x7f", "é", "\u2028", "\U0001f600", "\ud800", "\udfff\ud800", "\ufeff", "%00", "%s{0}", "'\"\\"),
    *("a" * 36, "a" * 37, "a" * 64, "a" * 65, "a" * 3_000, "../../etc", "__class__", "self", "model_config"),
    *("2026-11-22T14:00:00Z", "2026-11-22T14:00:00.1234567891Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"),
    *("2026-02-30T00:00:00Z", "2026-11-22T24:00:00Z", "2116-02-20T23:53:38.427387904Z", "1970-01-01T00:00:00Z"),
    *("PT1H", "PT15M", "P1D", "PT0S", "PT9999999999H", "P1Y", "-PT1H", "0-0", "1-1", "9" * 30 + "-1", "-1", "1-"),
)
ODD: tuple[Any, ...] = (None, True, False, [], {}, [None], [[]], {"": None}, {"op": "place"}, [{}] * 3)
KEYS = ("", "op", "id", "symbol", "price", "session", "client_id", "__proto__", "é", "\ud800", "a" * 300, "order_id")
BYTES = (b"\x00", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b'"', b"{", b"}", b"[", b",", b"\\u")


class Mutator:
    """Changes requests at random."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def payload(self, fields: dict[str, Any]) -> bytes:
        """A request in JSON, or nearly: sometimes as it is, mostly with a field or two changed, sometimes torn."""
        chance = self.dice.random()
        if chance < 0.03:
            return self.dice.randbytes(self.dice.randrange(200))
        if chance < 0.06:
            return self._deep(fields)
        if chance < 0.065:
            names = "".join(f'"{at:x}":0,' for at in range(NAMES))
            return ("{" + names + '"x":0,"x":0}').encode()
        changed = fields if chance < 0.2 else self.changed(fields)
        text = self._text(changed)
        if chance > 0.92:
            text = self._with_a_name_twice(text, changed)
        payload = text.encode("utf-8", "surrogatepass")
        return self.torn(payload) if chance > 0.97 or 0.2 < chance < 0.25 else payload

    def changed(self, fields: dict[str, Any]) -> dict[str, Any]:
        """A copy with one to three changes at any depth."""
        changed = copy.deepcopy(fields)
        for _ in range(self.dice.choice((1, 1, 1, 2, 3))):
            holder, key = self.dice.choice(list(_places(changed)))
            self._change(holder, key)
        return changed

    def torn(self, payload: bytes) -> bytes:
        """Bytes of which some are missing, doubled, or others."""
        at = self.dice.randrange(len(payload) + 1)
        to = min(len(payload), at + self.dice.randrange(8))
        choice = self.dice.randrange(5)
        if choice == 0:
            return payload[:at]
        if choice == 1:
            return payload[:at] + payload[to:]
        if choice == 2:
            return payload[:at] + self.dice.choice(BYTES) + payload[at:]
        if choice == 3:
            return payload[:at] + payload
        return payload[:at] + self.dice.randbytes(to - at) + payload[to:]

    def value(self) -> Any:
        """A value of any type, seldom a usual one, and at times as long as a frame lets it be."""
        if self.dice.random() < 0.01:
            return self.dice.choice(LONG) * LONG_TIMES
        kind = self.dice.randrange(6)
        if kind == 0:
            return copy.deepcopy(self.dice.choice(ODD))
        if kind == 1:
            return self.dice.choice(NUMBERS)
        if kind == 2:
            return self.dice.choice(DECIMALS)
        if kind == 3:
            return self.dice.choice(TEXTS)
        if kind == 4:
            return self.dice.randrange(-(1 << 65), 1 << 65) >> self.dice.randrange(64)
        return "".join(chr(self.dice.randrange(0x20, 0x250)) for _ in range(self.dice.randrange(40)))

    def _change(self, holder: Any, key: Any) -> None:
        choice = self.dice.randrange(10)
        if choice < 5:
            holder[key] = self.value()
        elif choice == 5:
            del holder[key]
        elif choice == 6:
            holder[key] = [holder[key]] if self.dice.random() < 0.5 else {str(key): holder[key]}
        elif choice == 7 and isinstance(holder[key], str):
            holder[key] = self._edited(holder[key])
        elif choice == 8 and isinstance(holder, list):
            holder[:] = holder * self.dice.choice((2, 20, 70))
        elif isinstance(holder, dict):
            holder[self.dice.choice(KEYS)] = self.value()
        else:
            holder[key] = self.value()

    def _edited(self, text: str) -> str:
        at = self.dice.randrange(len(text) + 1)
        return text[:at] + self.dice.choice(TEXTS) + text[at + self.dice.randrange(2) :]

    def _text(self, fields: Any) -> str:
        separators = self.dice.choice(((",", ":"), (" , ", "\n:\t")))
        return RAW.sub(r"\1", json.dumps(fields, ensure_ascii=self.dice.random() < 0.5, separators=separators))

    def _with_a_name_twice(self, text: str, fields: dict[str, Any]) -> str:
        names = list(fields) or ["op"]
        field = json.dumps({self.dice.choice(names): self.dice.choice((None, 1, "cancel_all"))})
        return "{" + field[1:-1] + "," + text[1:] if text.startswith("{") and len(text) > 2 else text

    def _deep(self, fields: dict[str, Any]) -> bytes:
        depth = self.dice.choice((3, 100, 990, 1_100, DEPTH_MAX))
        opening, closing = self.dice.choice((("[", "]"), ('{"a":', "}")))
        depth = min(depth, FRAME_BYTES_MAX // (len(opening) + 1) - 1_000)
        nest = opening * depth + "1" + closing * self.dice.choice((depth, 0, depth - 1))
        if self.dice.random() < 0.5:
            return nest.encode()
        name = self.dice.choice(list(fields))
        text = json.dumps(fields | {name: "@deep@"}).replace('"@deep@"', nest)
        return text.encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every field and element, with what holds it."""
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in keys:
        found.append((value, key))
        found += _places(value[key])
    return found or [({"a": 1}, "a")]
