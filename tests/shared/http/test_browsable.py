"""The API's pages: forms for what the caller may do, filled in, and pages for what can only be done."""

import json
import re
from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.test import APIClient

from shared.http.browsable.controls import controls
from tests.accept import BROWSER
from tests.pages import page, proposed

pytestmark = pytest.mark.usefixtures("small_api", "trusted_realm")


def test_an_action_has_a_page_for_browsers_and_is_405_for_programs(manager_client: APIClient) -> None:
    """Red without `form_page` in `exception_handler`, and where a program gets a page, too."""
    text = page(manager_client, "/things/7/polish/")
    assert "Makes it shine." in text
    assert "<button>Polish it</button>" in text
    assert '<form data-method="POST" data-address="/things/7/polish/" data-then="/things/7/"' in text
    for accept in ("application/json", "*/*", "text/html"):
        answer: Any = manager_client.get("/things/7/polish/", headers={"Accept": accept})
        assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    head: Any = manager_client.delete("/things/7/polish/", headers={"Accept": BROWSER})
    assert head.status_code == 405


def test_an_action_says_why_it_cannot_be_done_now(manager_client: APIClient) -> None:
    """Red without `why_not`."""
    text = page(manager_client, "/things/8/polish/")
    assert "It shines already." in text
    assert "<button disabled>Polish it</button>" in text
    assert "not available: It shines already." in page(manager_client, "/things/8/")


def test_what_is_not_there_has_no_page(manager_client: APIClient) -> None:
    """Red where the form is shown without looking whether there is such a thing."""
    assert "Not Found" in page(manager_client, "/things/9/polish/", 404)


def test_nobody_is_offered_what_they_may_not_do(customer_client: APIClient) -> None:
    """Neither a form nor a link. Red without the permissions of an action in `_may_act`."""
    for client in (APIClient(), customer_client):
        text = page(client, "/things/7/")
        assert "data-method" not in text
        assert "polish" not in text.lower()
    assert "Forbidden" in page(customer_client, "/things/7/polish/", 403)
    assert "Sign in and come back here" in page(APIClient(), "/things/7/polish/", 401)


def test_a_form_holds_what_is_there(manager_client: APIClient) -> None:
    """Every kind of field; the tag that `If-Match` names. Red without `body` or `data_tag`."""
    text = page(manager_client, "/things/7/")
    assert 'data-tag="&quot;seven&quot;"' in text
    assert re.search(r'data-name="name"[^>]*value="Lamp &lt;b&gt;"', text)
    assert re.search(r'<input type="number" data-name="pieces"[^>]*value="3"[^>]*max="999"', text)
    assert '<option value="red" selected>Red</option>' in text
    assert '<option value="false" selected>No</option>' in text
    assert '<input type="checkbox" value="k2" checked> Second kind' in text
    assert re.search(r'data-name="city"[^>]*value="Berlin"', text)
    assert text.count('data-row id="put-lines-0"') == 1, "one line that is there"
    assert 'id="put-lines-__row__"' in text, "and one to add more by"
    assert proposed(text, "PUT") == {
        "name": "Lamp <b>",
        "pieces": 3,
        "colour": "red",
        "is_sold": False,
        "kinds": ["k2"],
        "place": {"city": "Berlin"},
        "lines": [{"quantity": 2}],
    }


def test_a_new_form_proposes_what_is_taken(manager_client: APIClient) -> None:
    """The template is a body that the operation takes, and each page has a key of its own.

    Red where required fields are proposed empty, and where a key is used for two pages.
    """
    text = page(manager_client, "/things/")
    body = proposed(text, "POST")
    assert manager_client.post("/things/", body, format="json").status_code == 201
    (key,) = set(re.findall(r'data-key="([^"]+)"', text))
    assert key not in page(manager_client, "/things/")


def test_text_of_people_runs_nowhere(manager_client: APIClient) -> None:
    """Red with `mark_safe` or without escaping in any template."""
    for path in ("/things/", "/things/7/", "/things/7/polish/", "/things/?colour=%3Cscript%3E"):
        answer: Any = manager_client.get(path, headers={"Accept": BROWSER})
        text = answer.content.decode()
        assert "<b>" not in text.replace("<b>mia</b>", "").replace("<b>colour</b>", "")
        assert "<script>" not in text
        assert "javascript:" not in re.findall(r'href="([^"]*)"', text)


def test_a_list_leads_to_what_it_lists(customer_client: APIClient) -> None:
    """Red without `links` and `row_links`."""
    text = page(customer_client, "/things/")
    assert '<a href="/things/7/">Lamp &lt;b&gt;</a>' in text
    assert '<a href="/elsewhere/7/">See it</a>' in text
    assert '<select id="query-colour" name="colour"' in text
    assert "2 entries" in text


def test_an_empty_list_says_so(customer_client: APIClient) -> None:
    """Red where an empty table is shown."""
    text = page(customer_client, "/things/?colour=blue")
    assert "Nothing matches." in text
    assert '<option value="blue" selected>' in text


def test_a_wrong_filter_is_said_beside_it(customer_client: APIClient) -> None:
    """With what was typed. Red without `errors` in `_filters`."""
    text = page(customer_client, "/things/?least=x", 400)
    assert re.search(r'name="least" value="x"[^>]*aria-invalid="true"', text)
    assert re.search(r'id="query-least-error">A valid integer is required', text)


def test_every_page_says_who_is_signed_in(manager_client: APIClient, customer_client: APIClient) -> None:
    """Pages of views and of what no view answers; whoever is not signed in is led there and back.

    Red without `_caller`, and where an error has a page of its own.
    """
    for path, status in (("/things/", 200), ("/things/9/", 404), ("/nothing/", 404)):
        assert "(manager)" in page(manager_client, path, status)
        assert "(customer)" in page(customer_client, path, status)
        back = path.replace("/", "%2F")
        assert f'href="/login/?next={back}"' in page(APIClient(), path, status)


def test_a_file_is_asked_for_as_a_file(manager_client: APIClient) -> None:
    """Red where a form with a file is sent as JSON, or the page does not know how large it may be."""
    text = page(manager_client, "/things/7/photo/")
    assert re.search(r'<input type="file" data-name="photo"[^>]* data-largest="2048"', text)
    assert "data-files" in text
    assert "Edit as JSON" not in text


def test_a_page_with_forms_is_asked_for_again(manager_client: APIClient, customer_client: APIClient) -> None:
    """Its key counts once: Back must not show it again. Red without `no-store` in `PageRenderer`."""
    for path in ("/things/", "/things/7/", "/things/7/polish/"):
        answer: Any = manager_client.get(path, headers={"Accept": BROWSER})
        assert answer["Cache-Control"] == "private, no-store", path
    answer = customer_client.get("/things/", headers={"Accept": BROWSER})
    assert "no-store" not in answer.get("Cache-Control", "")


def test_what_is_said_of_a_group_belongs_to_it(manager_client: APIClient) -> None:
    """Of every kind of fieldset, for whoever does not see the page; lines are told apart.

    Red without `aria-describedby` in `control.html` and `row.html`, and where each line is only a line.
    """
    text = page(manager_client, "/things/7/")
    for name in ("kinds", "place", "lines", "lines-0"):
        (said,) = re.findall(rf'<fieldset[^>]*id="put-{name}"[^>]*aria-describedby="([^"]*)"', text)
        assert all(f'id="{each}"' in text for each in said.split()), name
    assert "<legend>Line <span data-number>1</span></legend>" in text
    assert "Remove line <span data-number>1</span>" in text


def test_json_is_shown_as_json() -> None:
    """Red where the field holds what Python writes, which the page cannot read again."""

    class Labelled(serializers.Serializer[Any]):
        labels = serializers.JSONField()

    (control,) = controls(Labelled(), "put", {"labels": {"a": True, "b": None}}, {})
    assert json.loads(control.value) == {"a": True, "b": None}


def test_light_or_dark_is_chosen_here_too(manager_client: APIClient) -> None:
    """Red without the button that `admin/js/theme.js` looks for."""
    assert "theme-toggle" in page(manager_client, "/things/")


def test_who_is_refused_reads_as_whom(customer_client: APIClient) -> None:
    """Red without `refused.html`: how a program sends its token is nothing for people."""
    assert "with the role customer" in page(customer_client, "/things/7/polish/", 403)
    assert "Bearer" not in page(APIClient(), "/things/7/polish/", 401)
