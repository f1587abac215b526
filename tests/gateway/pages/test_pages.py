"""What somebody with a browser is shown where a program gets a problem document."""

from tests.accept import BROWSER as ACCEPT
from tests.gateway.process import GatewayProcess

BROWSER = ("Accept", ACCEPT)

PROGRAMS = (
    "",
    "*/*",
    "application/json",
    "text/html, application/json",
    "text/html",
    "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",  # the JDK's default
    "image/png",
)


def test_a_browser_is_told_in_words_and_a_program_in_json(gateway: GatewayProcess) -> None:
    """Red when either gets what the other can read, or when a cache could mix them up."""
    page = gateway.call("GET", "/api/orders/", BROWSER)
    assert (page.status, page.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert (page.headers["Vary"], page.headers["Cache-Control"]) == ("Accept", "no-store")
    assert page.headers["WWW-Authenticate"] == "Bearer"
    assert b"<h1>Unauthorized</h1>" in page.body
    for accept in PROGRAMS:
        answer = gateway.call("GET", "/api/orders/", ("Accept", accept))
        assert (answer.status, answer.problem, answer.headers["Vary"]) == (401, "not-authenticated", "Accept")


def test_the_way_to_sign_in_comes_back_here_and_nowhere_else(gateway: GatewayProcess) -> None:
    """Red when the query is lost on the way, or what a client wrote becomes a part of the page."""
    page = gateway.call("GET", '/api/orders/?status=submitted&a="><script>', BROWSER)
    assert (
        b'href="/login/?next=%2Fapi%2Forders%2F%3Fstatus%3Dsubmitted%26a%3D%22%3E%3Cscript%3E"' in page.body
    )
    trick = gateway.call("GET", "/<script>alert(1)</script>", BROWSER)
    assert trick.status == 404
    assert b"<script>" not in trick.body


def test_the_pages_icon_and_style_are_there(gateway: GatewayProcess) -> None:
    """Red when a page names a file that nobody serves; browsers ask for the icon by themselves."""
    moved = gateway.call("GET", "/favicon.ico")
    assert (moved.status, moved.headers["Location"]) == (301, "/static/gateway/icon.svg")
    for path, kind in (
        ("/static/gateway/icon.svg", "image/svg+xml"),
        ("/static/gateway/pages.css", "text/css"),
        ("/static/browsable/forms.js", "text/javascript"),
        ("/static/browsable/page.css", "text/css"),
    ):
        found = gateway.call("GET", path)
        assert (found.status, found.headers["Content-Type"].partition(";")[0]) == (200, kind)
