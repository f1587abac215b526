"""The API's description, its page, and where the `type` of a problem leads."""

import json
import re
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from gateway.pages.problem_pages import sections
from tests.gateway.process import GatewayProcess


def test_the_description_is_served_and_need_not_be_fetched_twice(gateway: GatewayProcess) -> None:
    """Red when `OpenApiView.answer` does not look at If-None-Match."""
    answer = gateway.call("GET", "/api/schema/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(answer.body)["openapi"] == "3.1.0"
    tag = answer.headers["ETag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = gateway.call("GET", "/api/schema/", ("If-None-Match", known))
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert gateway.call("GET", "/api/schema/", ("If-None-Match", '"other"')).status == 200
    refused = gateway.call("GET", "/api/schema/", ("If-Match", '"other"'))
    assert (refused.status, refused.problem, refused.headers["ETag"]) == (412, "precondition-failed", tag)
    assert gateway.call("GET", "/api/schema/", ("If-Match", tag)).status == 200


def test_its_page_has_everything_from_here_and_no_script_inside(gateway: GatewayProcess) -> None:
    """Red when the page has an inline script, which the Content-Security-Policy would not run, or a wrong address."""
    page = gateway.call("GET", "/api/docs/").body.decode()
    assert re.findall(r"<script>|<script [^>]*>[^<]", page) == []
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    addresses.remove("/login/?next=/api/docs/")  # leads away, to Keycloak
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith("/"), address
        assert gateway.call("GET", address).status == 200, address


def test_the_description_names_the_realm_of_this_installation(gateway: GatewayProcess) -> None:
    """Not the one of the machine that wrote the file. Red without the `replace` in `OpenApiView.read`."""
    schemes = gateway.call("GET", "/api/schema/").json()["components"]["securitySchemes"]
    flow = schemes["oauth2"]["flows"]["authorizationCode"]
    realm = f"{settings.ENVIRONMENT.issuer}/protocol/openid-connect"
    assert (flow["authorizationUrl"], flow["tokenUrl"]) == (f"{realm}/auth", f"{realm}/token")


def test_an_operation_asks_for_the_role_that_its_route_asks_for(gateway: GatewayProcess) -> None:
    """And for nothing where anybody may. Red without `_security` in `launcher/contract/http.py`."""
    paths = gateway.call("GET", "/api/schema/").json()["paths"]
    for (method, path), who in {
        ("get", "/api/products/"): None,
        ("post", "/api/products/"): "manager",
        ("get", "/api/orders/"): "customer",
    }.items():
        asked = paths[path][method]["security"]
        assert [each["bearer"] for each in asked if "bearer" in each] == ([[who]] if who else [])
        assert [each["session"] for each in asked if "session" in each] == ([[who]] if who else [])


@pytest.mark.parametrize("slug", sections())
def test_every_kind_of_problem_has_its_page(slug: str, gateway: GatewayProcess) -> None:
    answer = gateway.call("GET", f"/problems/{slug}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"<h1>{slug}</h1>" in answer.body.decode()


def test_the_type_of_a_problem_leads_to_its_page(gateway: GatewayProcess) -> None:
    """Red when `problem_type` and the route of the pages part ways."""
    refused = gateway.call("GET", "/api/orders/").json()
    page = gateway.call("GET", urlsplit(refused["type"]).path)
    assert page.status == 200
    assert b"Bearer" in page.body


def test_an_unknown_kind_has_no_page(gateway: GatewayProcess) -> None:
    assert gateway.call("GET", "/problems/no-such-kind").problem == "not-found"
    assert b'id="price-changed"' in gateway.call("GET", "/problems/").body
