"""Fields of serializers as fields of HTML forms. `static/browsable/forms.js` makes JSON of them again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rest_framework import serializers

from shared.http.browsable.declared import Choices

ROW = "__row__"  # stands in the ids of a row that is not there yet
YES_NO = (("true", "Yes"), ("false", "No"))
Options = Mapping[str, Choices]


@dataclass(slots=True)
class Control:
    """One field of a form: `kind` says how it looks and how its value is written in JSON."""

    name: str
    id: str
    label: str
    kind: str
    value: Any = ""
    help: str = ""
    required: bool = False
    error: str = ""
    choices: Sequence[tuple[str, str]] = ()
    limits: dict[str, Any] = field(default_factory=dict)
    parts: list["Control"] = field(default_factory=list)
    blank: "Control | None" = None

    @property
    def described_by(self) -> str:
        """The ids of what is said about it."""
        return f"{self.id}-help {self.id}-error" if self.help else f"{self.id}-error"

    @property
    def had(self) -> bool:
        """Whether it holds something at first, so that emptying it says something."""
        return self.value not in ("", None, [])


def controls(
    serializer: Any, prefix: str, values: Mapping[str, Any], options: Options, path: str = ""
) -> list[Control]:
    """A control for everything that `serializer` takes; `values` are what they hold at first."""
    fields: Mapping[str, Any] = serializer.fields
    return [
        _control(each, name, prefix, values.get(name), options, path)
        for name, each in fields.items()
        if not each.read_only and not isinstance(each, serializers.HiddenField)
    ]


def has_file(found: Iterable[Control]) -> bool:
    """Whether a file is asked for: such a form is sent as `multipart/form-data`."""
    return any(each.kind == "file" for each in found)


def plain(value: Any) -> Any:
    """A value as a body says it: of an object that is only named, its id."""
    return str(value["id"]) if isinstance(value, Mapping) and "id" in value else value


def body(serializer: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """As much of `values` as the body that `serializer` takes can hold."""
    found: dict[str, Any] = {}
    for name, each in serializer.fields.items():
        if each.read_only or values.get(name) is None:
            continue
        value = values[name]
        if isinstance(each, serializers.ListSerializer):
            value = [body(each.child, row) for row in value]
        elif isinstance(each, serializers.BaseSerializer):
            value = body(each, value)
        elif isinstance(value, list):
            value = [plain(item) for item in value]
        found[name] = value
    return found


def _control(each: Any, name: str, prefix: str, value: Any, options: Options, path: str) -> Control:
    own = f"{path}.{name}" if path else name
    control = Control(
        name,
        f"{prefix}-{name}",
        str(each.label or name.replace("_", " ").capitalize()),
        "text",
        "" if value is None else value,
        str(each.help_text or ""),
        bool(each.required),
        choices=tuple(options.get(own, ())),
    )
    if isinstance(each, serializers.ListSerializer):
        control.kind = "rows"
        rows = value or []
        control.parts = [
            _row(each.child, control.id, str(n), row, options, own) for n, row in enumerate(rows)
        ]
        control.blank = _row(each.child, control.id, ROW, {}, options, own)
    elif isinstance(each, serializers.BaseSerializer):
        control.kind = "group"
        control.parts = controls(each, control.id, value or {}, options, own)
    else:
        _as_simple(control, each)
    return control


def _row(child: Any, prefix: str, number: str, row: Any, options: Options, path: str) -> Control:
    key = f"{prefix}-{number}"
    return Control(number, key, "", "row", parts=controls(child, key, row, options, path))


# The kind of control for each kind of field, the first that fits.
KINDS: tuple[tuple[Any, str], ...] = (
    (serializers.FileField, "file"),
    (serializers.ListField, "lines"),
    (serializers.BooleanField, "flag"),
    (serializers.ChoiceField, "choice"),
    (serializers.IntegerField, "integer"),
    (serializers.DecimalField, "money"),
    ((serializers.JSONField, serializers.DictField), "json"),
)
LARGEST = (
    "largest"  # in the `style` of a field for a file: how many bytes it may have, said before it is sent
)
LIMITS = {"max_length": "maxlength", "min_value": "min", "max_value": "max"}


def _as_simple(control: Control, each: Any) -> None:
    control.kind = next((kind for types, kind in KINDS if isinstance(each, types)), "text")
    if control.kind in {"text", "integer"}:
        limits = {attribute: getattr(each, name, None) for name, attribute in LIMITS.items()}
        control.limits = {attribute: limit for attribute, limit in limits.items() if limit is not None}
    elif control.kind == "file" and LARGEST in each.style:
        control.limits = {"data-largest": each.style[LARGEST]}
    if control.kind == "text":
        control.kind = _kind_of_text(control, each.style.get("base_template"))
    elif control.kind == "lines":
        control.kind = "many" if control.choices else "lines"
        control.value = [str(plain(item)) for item in control.value or []]
    elif control.kind == "flag":
        control.choices = YES_NO
        control.value = {True: "true", False: "false"}.get(control.value, "")
    elif control.kind == "json" and control.had:
        control.value = json.dumps(control.value, ensure_ascii=False, indent=2, default=str)
    elif control.kind == "choice":
        control.choices = [(str(key), str(label)) for key, label in each.choices.items()]


def _kind_of_text(control: Control, style: str | None) -> str:
    if style == "textarea.html":
        return "paragraphs"
    if not control.choices:
        return "text"
    return "choice" if style == "select.html" else "proposed"


def query_controls(view: Any, query: Any, errors: Mapping[str, str]) -> list[Control]:
    """Controls for what narrows and sorts the list of `view`, holding what `query` says."""
    options = {name: tuple(given) for name, given in getattr(view, "query_choices", dict)().items()}
    found = [*_of_filterset(view), *_of_query_serializer(view, options)]
    for each in found:
        each.value, each.error, each.required = query.get(each.name, ""), errors.get(each.name, ""), False
    return found


def _of_query_serializer(view: Any, options: Options) -> Iterable[Control]:
    serializer = getattr(view, "query_serializer", None)
    for each in controls(serializer(), "query", {}, options) if serializer else ():
        if each.name not in {"page", "page_size"}:
            each.kind = {"lines": "text", "many": "text"}.get(each.kind, each.kind)
            yield each


def _of_filterset(view: Any) -> Iterable[Control]:
    filters = getattr(getattr(view, "filterset_class", None), "base_filters", {})
    for name, each in filters.items():
        label = name.replace("_", " ").capitalize()
        control = Control(name, f"query-{name}", label, "text", help=str(each.extra.get("help_text", "")))
        if "choices" in each.extra:
            control.kind = "choice"
            control.choices = [(str(key), str(text)) for key, text in each.extra["choices"]]
        yield control
