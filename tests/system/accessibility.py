"""axe-core in the tests' browser: what keeps people from seeing, hearing, reaching or understanding a page."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
# What depends on a window's colours and on its width; everything else is the same in each of them.
OF_COLOURS = ("color-contrast", "link-in-text-block")
OF_WIDTH = ("target-size", "scrollable-region-focusable")

# Rows of a list after the sixth are built as those before. What is inside Swagger UI is not ours: its labels, its colours.
LEFT_OUT = ("#result_list tbody tr:nth-child(n+7)", "#api .swagger-ui")

RUN = """([others, options]) => axe.run({exclude: others.map(other => [other])}, options).then(found => found.violations
  .filter(rule => ["serious", "critical"].includes(rule.impact))
  .flatMap(rule => rule.nodes.map(node => {
    const [why] = [...node.any, ...node.all, ...node.none];
    return `${rule.id} (${rule.impact}): ${node.target.join(" ")}: ${why ? why.message : rule.help}`;
  })))"""
IS_THERE = "() => typeof axe !== 'undefined'"


@dataclass(frozen=True)
class View:
    """How somebody looks at a page: in which window, and in which colours."""

    name: str
    width: int
    height: int
    colours: str
    rules: Collection[str]  # that are looked at in it; none: all


DESKTOP = View("desktop", 1280, 800, "light", rules=())
PHONE = View("phone", 390, 844, "light", OF_WIDTH)
DARK_DESKTOP = View("desktop-dark", 1280, 800, "dark", OF_COLOURS)
DARK_PHONE = View("phone-dark", 390, 844, "dark", OF_COLOURS + OF_WIDTH)
VIEWS = (DESKTOP, DARK_DESKTOP, DARK_PHONE, PHONE)


def look(page: Page, view: View) -> None:
    """Show the page in this window and these colours."""
    page.emulate_media(color_scheme=view.colours, reduced_motion="reduce")  # type: ignore[arg-type]
    page.set_viewport_size({"width": view.width, "height": view.height})


def violations(page: Page, view: View) -> list[str]:
    """What axe calls serious or critical on the page as it is now: the rule, where, and why.

    The script runs beside the page's own, as a debugger's would: the page's security policy stays as it is.
    """
    if not page.evaluate(IS_THERE):
        page.evaluate(_axe())
    kind, values = ("rule", view.rules) if view.rules else ("tag", STANDARDS)
    options = {
        "runOnly": {"type": kind, "values": list(values)},
        "resultTypes": ["violations"],
        "preload": False,
    }
    found: list[str] = page.evaluate(RUN, [list(LEFT_OUT), options])
    return found


def is_too_wide(page: Page) -> bool:
    """Whether the page as a whole would have to be moved sideways to be read."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
