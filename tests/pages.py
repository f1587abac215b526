"""The API's pages as a browser gets them."""

import json
import re
from html import unescape
from typing import Any

from rest_framework.test import APIClient

from tests.accept import BROWSER


def page(client: APIClient, path: str, status: int = 200) -> str:
    """The page at an address."""
    answer: Any = client.get(path, headers={"Accept": BROWSER})
    assert (answer.status_code, answer["Content-Type"]) == (status, "text/html; charset=utf-8"), path
    return str(answer.content.decode())


def proposed(text: str, method: str) -> Any:
    """The JSON that a page proposes for an operation."""
    (found,) = re.findall(rf'id="{method.lower()}-json"[^>]*>(.*?)</textarea>', text, re.DOTALL)
    return json.loads(unescape(found))


def tag(text: str) -> str:
    """The entity tag that the page's forms send as `If-Match`."""
    (found,) = set(re.findall(r'data-tag="([^"]+)"', text))
    return unescape(found)


def links(text: str) -> set[str]:
    """Where the page leads."""
    return {unescape(each) for each in re.findall(r'<a href="([^"]*)"', text)}
