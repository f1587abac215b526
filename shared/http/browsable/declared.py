"""What a view says of its operations for their forms."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from rest_framework.serializers import BaseSerializer

F = TypeVar("F", bound=Callable[..., Any])
Data = Mapping[str, Any]
Choices = Iterable[tuple[str, str]]  # value and label
FROM_VIEW: Any = object()


def _nothing(*_: Any) -> dict[str, Any]:
    return {}


def _always(_: Data) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Form:
    """One operation as a form.

    `button` and `says` are what a person reads before, `done` what they read after, at the address `then` (whose `{…}`
    are the view's keyword arguments; empty: where the answer's `Location` leads, or the same page). `body` is the
    serializer whose fields are asked for: the view's own unless told, None for none. `once`: a repeated click counts once,
    by `Idempotency-Key`. `asks` is a question that has to be answered before it is sent. `why_not` says, of the data
    on the page, why it cannot be done now. `initial(view, data)` is what the fields hold at first, and `example(view)` the
    JSON that is proposed, where that has to be more than the example of the API's description. `choices(view)` has
    values for fields, by path (`items.product_id`): a field whose value has to be one of them is a choice, another one proposes them.
    """

    button: str
    says: str = ""
    done: str = "Done."
    then: str = ""
    body: type[BaseSerializer[Any]] | None = FROM_VIEW
    once: bool = False
    asks: str = ""
    why_not: Callable[[Data], str] = _always
    initial: Callable[[Any, Data], Data] = _nothing
    example: Callable[[Any], Data] = _nothing
    choices: Callable[[Any], Mapping[str, Choices]] = _nothing


@dataclass(frozen=True, slots=True)
class Lead:
    """A link to another page; `role` is who may go there, empty for anyone."""

    label: str
    address: str
    role: str = ""


def form(button: str, **said: Any) -> Callable[[F], F]:
    """Say how a method of a view stands on a page; see `Form`."""

    def mark(method: F) -> F:
        method.__dict__["form"] = Form(button, **said)
        return method

    return mark
