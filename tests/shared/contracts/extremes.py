"""The messages that a schema allows at its limits: what today's producers may send one day."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def extremes(schema: Json) -> Iterator[Json]:
    """The JSON values of an object's schema: with all fields and with the required ones, each at each of its limits."""
    yield from _objects(schema, schema.get("$defs", {}))


def _objects(schema: Json, definitions: Json) -> Iterator[Json]:
    choices = {name: list(_values(inner, definitions)) for name, inner in schema["properties"].items()}
    full = {name: values[0] for name, values in choices.items()}
    yield full
    yield {name: full[name] for name in schema.get("required", ())}
    for name, values in choices.items():
        yield from ({**full, name: value} for value in values[1:])


def _values(schema: Json, definitions: Json) -> Iterator[Any]:
    """Every value that a field can have at its limits, an ordinary one first."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        for choice in schema["anyOf"]:
            yield from _values(choice, definitions)
    elif "enum" in schema or "const" in schema:
        yield from schema.get("enum", [schema.get("const")])
    else:
        yield from OF_TYPE[schema["type"]](schema, definitions)


def _arrays(schema: Json, definitions: Json) -> Iterator[Any]:
    items = list(_values(schema["items"], definitions))
    yield items[: schema.get("maxItems")]
    for length in (schema.get("minItems", 0), schema.get("maxItems", 1)):
        yield [items[0]] * length


def _strings(schema: Json, definitions: Json) -> Iterator[str]:
    if "format" in schema or schema.get("pattern", NO_NUL) != NO_NUL:
        yield from SHAPED[schema.get("format") or schema["pattern"]]
        return
    yield "Ä" * schema.get("maxLength", 1000)
    yield "x" * schema.get("minLength", 0)


def _integers(schema: Json, definitions: Json) -> Iterator[int]:
    yield schema.get("maximum", 2**70)
    yield schema.get("minimum", -(2**70))


NO_NUL = r"^[^\x00]*$"
# A text whose pattern is of its own kind: the longest and the shortest. A new pattern needs a line here.
SHAPED = {
    "uuid": ("0193a5b0-7c1e-7f3a-9d2b-5e8f1c2d3a4b",),
    r"^[0-9]{1,10}(\.[0-9]{1,2})?$": ("9999999999.99", "0.00"),
    r"^[A-Z]{3}$": ("EUR",),
    r"^[0-9a-f]{24}$": ("65f0c0ffee65f0c0ffee65f0",),
    r"^[0-9A-Za-z-]{1,40}$": ("M" * 40, "1"),
}
OF_TYPE = {
    "object": _objects,
    "array": _arrays,
    "string": _strings,
    "integer": _integers,
    "boolean": lambda *_: iter((True, False)),
    "null": lambda *_: iter((None,)),
}
