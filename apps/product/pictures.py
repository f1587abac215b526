"""The demonstration's pictures: flat drawings made from a motif, a palette and the product's name.

The same product gets the same bytes on every machine, so nothing has to be stored, shared or backed up.
"""

import hashlib
import random
from functools import cache, lru_cache
from html import escape
from pathlib import Path
from xml.etree import ElementTree as ET

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from apps.product.demo import catalogue
from apps.product.demo.catalogue import DemoProduct
from shared.http.preconditions import PreconditionFailed, conditional, strong_tag
from shared.http.problems import answer_of

MOTIFS = Path(__file__).with_name("demo") / "motifs.svg"
SVG = "http://www.w3.org/2000/svg"
WHITE = "#fffaf2"
A_MONTH = 30 * 24 * 3600  # seconds that a browser keeps a picture without asking
SIZE = 400
KEPT = 256


@require_safe
def picture(request: HttpRequest, slug: str) -> HttpResponse:
    """The picture of a demonstration product."""
    product = catalogue.by_slug().get(slug)
    if product is None:
        raise Http404
    body = draw(product)
    response = HttpResponse(body, content_type="image/svg+xml")
    response["Content-Length"] = len(body)
    try:
        response = conditional(request, response, strong_tag(body))
    except PreconditionFailed as refused:
        return answer_of(request, refused)
    response["Cache-Control"] = f"public, max-age={A_MONTH}"
    # Opened by itself an SVG is a page: it gets nothing to run or load.
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


@lru_cache(maxsize=KEPT)
def draw(product: DemoProduct) -> bytes:
    """An SVG of a few kilobytes."""
    chance = random.Random(hashlib.sha256(product.slug.encode()).digest())  # noqa: S311 - decoration
    main, dark, accent = product.inks
    ground, glow = product.tints
    return (
        f'<svg xmlns="{SVG}" viewBox="0 0 {SIZE} {SIZE}" role="img"><title>{escape(product.name)}</title>'
        f"<style>{_style(main, dark, accent)}</style>"
        f'<path fill="{ground}" d="M0 0h{SIZE}v{SIZE}H0z"/>{_glow(chance, glow)}{_confetti(chance, accent, dark)}'
        f'<ellipse cx="200" cy="338" rx="118" ry="16" fill="{dark}" opacity=".16"/>'
        f'<g transform="translate(50 42) scale(1.5)">{_motifs()[product.motif]}</g></svg>'
    ).encode()


def _style(main: str, dark: str, accent: str) -> str:
    fills = f".a{{fill:{main}}}.b{{fill:{dark}}}.c{{fill:{accent}}}.w{{fill:{WHITE}}}"
    lines = f".sa{{stroke:{main}}}.sb{{stroke:{dark}}}.sc{{stroke:{accent}}}.sw{{stroke:{WHITE}}}"
    return f"{fills}{lines}.sa,.sb,.sc,.sw{{stroke-width:6;stroke-linecap:round;stroke-linejoin:round}}.sa,.sb,.sw,.sc:not(.c){{fill:none}}"


def _glow(chance: random.Random, colour: str) -> str:
    x, y, radius = chance.randint(150, 250), chance.randint(150, 220), chance.randint(150, 175)
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{colour}"/>'


def _confetti(chance: random.Random, *colours: str) -> str:
    # On a ring around the motif, so that nothing hides behind it.
    places = chance.sample([(x, y) for x in (34, 96, 304, 366) for y in (40, 110, 290, 366)], 7)
    return "".join(
        f'<circle cx="{x + chance.randint(-14, 14)}" cy="{y + chance.randint(-14, 14)}" r="{chance.randint(3, 8)}"'
        f' fill="{chance.choice(colours)}" opacity=".5"/>'
        for x, y in places
    )


@cache
def _motifs() -> dict[str, str]:
    ET.register_namespace("", SVG)
    drawings = ET.parse(MOTIFS).getroot().findall(f"{{{SVG}}}g")  # noqa: S314 - a file of our own
    return {str(drawing.get("id")): _inner(drawing) for drawing in drawings}


def _inner(drawing: ET.Element) -> str:
    text = "".join(ET.tostring(part, encoding="unicode") for part in drawing)
    return "".join(line.strip() for line in text.replace(f' xmlns="{SVG}"', "").splitlines())
