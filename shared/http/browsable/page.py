"""Everything that one page of the API shows."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.http import Http404
from django.urls import NoReverseMatch
from rest_framework.exceptions import APIException
from rest_framework.request import Request, override_method
from rest_framework.response import Response
from rest_framework.utils.breadcrumbs import get_breadcrumbs

from shared.auth.principal import CUSTOMER, MANAGER, Principal
from shared.http.accept import PAGE
from shared.http.browsable import shown
from shared.http.browsable.controls import Control, body, controls, has_file, query_controls
from shared.http.browsable.declared import FROM_VIEW, Form, Lead
from shared.http.renderers import JSONRenderer

READS = {"GET", "HEAD"}
CHANGES = ("POST", "PATCH", "PUT", "DELETE")
NAMED_BY = ("number", "name", "id", "product_id")  # what a thing is called on its page, the first that it has


@dataclass(slots=True)
class Offer:
    """An operation that the caller may do at this address, as its form."""

    method: str
    form: Form
    address: str
    then: str
    why_not: str = ""
    tag: str = ""  # what `If-Match` says
    key: str = ""  # what `Idempotency-Key` says
    controls: list[Control] = field(default_factory=list)
    json: str = ""

    @property
    def id(self) -> str:
        """What its elements' ids begin with."""
        return self.method.lower()

    @property
    def has_file(self) -> bool:
        """Whether it is sent as a form with files."""
        return has_file(self.controls)


@dataclass(frozen=True, slots=True)
class Link:
    """A link on the page, and why what it leads to cannot be done now."""

    label: str
    address: str
    why_not: str = ""


def account_of(request: Any, user: Any) -> dict[str, Any]:
    """Who is signed in and where they are, as every page says it."""
    return {"principal": user if isinstance(user, Principal) else None, "here": request.get_full_path()}


def context(data: Any, view: Any, request: Request, response: Any) -> dict[str, Any]:
    """What the template of a page needs."""
    user = getattr(
        request, "_user", None
    )  # asking for `user` again would fail again where the token was not good
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        errors = data.get("errors", ()) if isinstance(data, Mapping) else ()
        filters = _filters(view, request, errors) if response.status_code == HTTPStatus.BAD_REQUEST else []
        return {
            **account_of(request, user),
            "problem": data,
            "title": _problem_title(data),
            "filters": filters,
        }
    is_read = request.method in READS
    page = _is_page(data)
    offers = list(_offers(view, request, data, response)) if is_read else []
    crumbs = get_breadcrumbs(request.path, request)
    return {
        **account_of(request, user),
        "title": _title(view, data, request),
        "says": "" if getattr(response, "is_form_page", False) else view.get_view_description(),
        "crumbs": [(_crumb(url), url) for _, url in crumbs if url != request.path],
        "value": _value(view, data, request.path),
        "count": data["count"] if page else None,
        "is_empty": page and not data["results"],
        "is_narrowed": any(
            text for name, text in request.query_params.items() if name not in {"page", "page_size"}
        ),
        "next": data["next"] if page else None,
        "previous": data["previous"] if page else None,
        "paginator": _paginator(view) if page else None,
        "filters": _filters(view, request, ()) if page else [],
        "links": list(_links(view, request, data)) if is_read else [],
        "offers": offers,
        "is_form_page": getattr(response, "is_form_page", False),
        "json": _json(data),
        "request": request,
        "status": response.status_code,
    }


def form_page(view: Any, request: Request) -> Response | None:
    """In place of the 405 of an address where there is only something to do: a page with its forms, for browsers.

    None where nothing can be done by this caller, or the request does not come from a browser. Raises what `page_data` raises.
    """
    renderer = getattr(request, "accepted_renderer", None)
    if request.method != "GET" or renderer is None or renderer.media_type != PAGE:
        return None
    if not any(may(view, request, method) for method in CHANGES):
        return None
    page_data = getattr(view, "page_data", None) or (lambda: _object_of(view))
    found = page_data()
    response = found if isinstance(found, Response) else Response(found)
    response.is_form_page = True  # type: ignore[attr-defined]
    return response


def _object_of(view: Any) -> dict[str, Any]:
    if not getattr(view, "detail", False) or not hasattr(view, "get_object"):
        return {}
    return dict(view.get_serializer(view.get_object()).data)


def may(view: Any, request: Request, method: str) -> bool:
    """Whether there is such an operation here, and the caller may do it."""
    if method not in view.allowed_methods:
        return False
    with override_method(view, request, method) as other:
        try:
            view.check_permissions(other)
        except (APIException, Http404):
            return False
    return True


def _offers(view: Any, request: Request, data: Any, response: Any) -> Iterator[Offer]:
    for method in CHANGES:
        if not may(view, request, method):
            continue
        said = getattr(getattr(view, method.lower()), "form", None) or Form(method.capitalize())
        about = data if isinstance(data, Mapping) else {}
        offer = Offer(method, said, request.path, shown.address(said.then, view.kwargs), said.why_not(about))
        if method != "POST":
            offer.tag = getattr(response, "data_tag", "")
        if said.once:
            offer.key = str(uuid.uuid4())
        serializer = None if method == "DELETE" else _serializer(view, request, method, said)
        if serializer is not None:
            _fill(offer, serializer, view, about if method != "POST" else {}, about)
        yield offer


def _serializer(view: Any, request: Request, method: str, said: Form) -> Any:
    if said.body is None:
        return None
    with override_method(view, request, method) as other:
        kind: Any = said.body
        if kind is FROM_VIEW:
            kind = view.get_serializer_class() if hasattr(view, "get_serializer_class") else None
        return kind(context={"request": other, "view": view}) if kind else None


def _fill(
    offer: Offer, serializer: Any, view: Any, values: Mapping[str, Any], about: Mapping[str, Any]
) -> None:
    values = {**values, **offer.form.initial(view, about)}
    options = {name: tuple(given) for name, given in offer.form.choices(view).items()}
    offer.controls = controls(serializer, offer.id, values, options)
    if not offer.has_file:
        proposed = {} if offer.method in {"PUT", "PATCH"} else _example(serializer)
        offer.json = _json({**proposed, **body(serializer, values), **offer.form.example(view)})


def _example(serializer: Any) -> Mapping[str, Any]:
    """The first example of a request in the API's description."""
    examples = getattr(type(serializer), "_spectacular_annotation", {}).get("examples", ())
    return next((dict(each.value) for each in examples if each.request_only), {})


def _links(view: Any, request: Request, data: Any) -> Iterator[Link]:
    about = data if isinstance(data, Mapping) else {}
    if getattr(view, "detail", False):
        yield from _actions(view, request, about)
    principal = getattr(request, "_user", None)
    leads: Iterable[Lead] = view.page_links(about) if hasattr(view, "page_links") else ()
    for lead in leads:
        if lead.address and _admits(lead.role, principal):
            yield Link(lead.label, lead.address)


def _admits(role: str, principal: Any) -> bool:
    if not role:
        return True
    if not isinstance(principal, Principal):
        return False
    return principal.is_manager if role == MANAGER else role == CUSTOMER and principal.is_customer


def _actions(view: Any, request: Request, data: Mapping[str, Any]) -> Iterator[Link]:
    for action in type(view).get_extra_actions():
        if not action.detail or action.__name__ == getattr(view, "action", None):
            continue
        try:
            address = view.reverse_action(action.url_name, kwargs=view.kwargs)
        except NoReverseMatch:  # needs more than this page has
            continue
        path = "/" + address.split("/", 3)[3]
        if path == request.path or not _may_act(view, request, action):
            continue
        said: Form = getattr(action, "form", None) or Form(action.kwargs.get("name", action.__name__))
        yield Link(said.button, path, said.why_not(data))


def _may_act(view: Any, request: Request, action: Any) -> bool:
    needed = action.kwargs.get("permission_classes", view.permission_classes)
    method = next(iter(action.mapping)).upper()
    with override_method(view, request, method) as other:
        return all(each().has_permission(other, view) for each in needed)


def _filters(view: Any, request: Request, errors: Iterable[Mapping[str, str]]) -> list[Control]:
    wrong = {each["field"].partition(".")[0]: each["detail"] for each in errors}
    return query_controls(view, request.query_params, wrong)


def _is_page(data: Any) -> bool:
    return isinstance(data, Mapping) and data.keys() >= {"count", "next", "previous", "results"}


def _value(view: Any, data: Any, path: str) -> shown.Value | None:
    links, row_links = getattr(view, "links", {}), getattr(view, "row_links", {})
    if _is_page(data):
        return shown.table(data["results"], links, row_links, getattr(view, "columns", ()))
    if not isinstance(data, Mapping) or not data:
        return None
    elsewhere = {name: to for name, to in links.items() if shown.address(to, data) != path}
    return shown.thing(data, elsewhere)


def _paginator(view: Any) -> Any:
    paginator = getattr(view, "paginator", None)
    return paginator if paginator is not None and paginator.display_page_controls else None


def _title(view: Any, data: Any, request: Request) -> str:
    name = _crumb(request.path)
    if isinstance(data, Mapping) and not _is_page(data):
        called = next((str(data[key]) for key in NAMED_BY if data.get(key) is not None), "")
        if request.path.rstrip("/").endswith(str(data.get("id", data.get("product_id", "\0")))):
            return called
        return f"{name}: {called}" if called else name
    return name


def _crumb(path: str) -> str:
    word = path.rstrip("/").rpartition("/")[2]
    return (
        word if any(map(str.isdigit, word)) else word.replace("-", " ").capitalize()
    )  # an id stays as it is


def _problem_title(data: Any) -> str:
    return str(data.get("title", "")) if isinstance(data, Mapping) else ""


def _json(data: Any) -> str:
    return JSONRenderer().render(data, "application/json; indent=2", {"indent": 2}).decode() if data else ""
