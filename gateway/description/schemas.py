"""JSON schemas of what goes in and comes out, from the models by which the doors read and the client reads answers.

The models of the client turn text into numbers; on the wire prices and amounts are decimal strings, and quantities are
whole numbers as strings.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from exchange.venue.schema import Reject
from gateway.errors import CORE_ANSWERS, DoorError

Schema = dict[str, Any]
PREFIX = "#/components/schemas/"
DECIMAL: Schema = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
LOTS: Schema = {"type": "string", "pattern": r"^-?[0-9]+$"}
LOTS_NAMES = frozenset(
    {"quantity", "imbalance", "quantity_step", "quantity_max", "position", "open_buys", "open_sells", "position_change"}
)
"""Fields that are integers for the client, and text on the wire; so are those whose names end in `_quantity`."""
LOTS_BY_TIER = frozenset({"registered", "committed", "free"})
"""Objects with the same for each tier."""
INTEGER: Schema = {"type": "integer"}


class Rows:
    """An answer that is a list of rows under a name, perhaps a page at a time, beside when it is true."""

    def __init__(self, name: str, model: type[BaseModel], *, is_paged: bool = False, is_stamped: bool = True) -> None:
        self.name = name
        self.model = model
        self.is_paged = is_paged
        self.is_stamped = is_stamped


class _OnTheWire(GenerateJsonSchema):
    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        return dict(DECIMAL)


class Schemas:
    """The schemas of some models, each under a name of its own."""

    def __init__(self, models: Iterable[type[BaseModel]]) -> None:
        wanted = [(model, "validation") for model in dict.fromkeys(models)]
        places, found = models_json_schema(
            wanted,  # type: ignore[arg-type]
            schema_generator=_OnTheWire,
            ref_template=PREFIX + "{model}",
        )
        self._places = {model: place for (model, _), place in places.items()}
        self.components: dict[str, Schema] = {
            name: _as_sent(schema) for name, schema in found.get("$defs", {}).items()
        } | {"Refusal": refusal_schema()}

    def of(self, model: type[BaseModel]) -> Schema:
        """Where the schema of a model stands."""
        return dict(self._places[model])

    def whole(self, model: type[BaseModel]) -> Schema:
        """The schema of a model itself."""
        return self.components[self._places[model]["$ref"].removeprefix(PREFIX)]

    def answer(self, model: type[BaseModel] | Rows | None) -> Schema:
        """The schema of an answer; of one that no model describes it says that it is an object."""
        if model is None:
            return {"type": "object"}
        if not isinstance(model, Rows):
            return self.of(model)
        properties: dict[str, Schema] = {model.name: {"type": "array", "items": self.of(model.model)}}
        if model.is_paged:
            properties["next_cursor"] = {"type": ["string", "null"]}
        if model.is_stamped:
            properties |= {"sequence": INTEGER, "time": {"type": "string", "format": "date-time"}, "time_ns": INTEGER}
        return {"type": "object", "properties": properties, "required": list(properties)}


def refusal_schema() -> Schema:
    """What every refusal is."""
    codes = sorted(error.name.lower() for error in (*DoorError, *Reject) if error in CORE_ANSWERS or error in DoorError)
    error = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "enum": codes},
            "number": INTEGER,
            "message": {"type": "string"},
            "param": {"type": ["string", "null"]},
            "retry_after_ms": INTEGER,
            "alternatives": {"type": "object"},
        },
        "required": ["code", "number", "message", "param"],
    }
    properties = {"error": error, "repeated": {"type": "boolean"}}
    return {"type": "object", "properties": properties, "required": ["error"]}


def _as_sent(schema: Schema) -> Schema:
    """A schema as the wire has it; pydantic gives each of its fields a title, which is its name once more."""
    if "properties" in schema:
        schema = schema | {"properties": {name: _field(name, each) for name, each in schema["properties"].items()}}
    return {name: value for name, value in schema.items() if name != "title"}


def _field(name: str, schema: Mapping[str, Any]) -> Schema:
    found = {key: value for key, value in schema.items() if key != "title"}
    if name in LOTS_NAMES or name.endswith("_quantity"):
        if found.get("type") == "integer":
            found |= LOTS
        elif "anyOf" in found:
            found["anyOf"] = [LOTS if each.get("type") == "integer" else each for each in found["anyOf"]]
    if name in LOTS_BY_TIER and found.get("type") == "object":
        found["additionalProperties"] = LOTS
    if found.get("type") == "string" and isinstance(found.get("default"), int):
        found["default"] = str(found["default"])
    if name in ("bids", "asks"):
        # Levels: a price and the lots at it, or an order's id before them.
        found = {"type": "array", "items": {"type": "array", "items": {"type": ["string", "integer"]}}}
    return found
