"""What an `Accept` header asks for (RFC 9110, section 12.5.1), as far as this platform has it to give.

There is JSON, and a page for people. Programs name `text/html` as well, with a preference they did not choose (the
JDK's default is `text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2`). What tells a browser that somebody is
reading from is `application/xhtml+xml`: every browser has named it beside `text/html` for twenty years, for what it is
going to show and for nothing else. Free of any framework: the gateway asks the same of its own answers.
"""

from collections.abc import Mapping

LONGEST = 8192  # characters of the header that are read
PAGE, BROWSERS_MARK = "text/html", "application/xhtml+xml"
DATA = ("application/json", "application/problem+json", PAGE)  # whoever names one of these can have JSON


def wants_page(accept: str) -> bool:
    """Whether a browser asks for something to show: it names both kinds of HTML, likes nothing better, and no JSON."""
    if BROWSERS_MARK not in accept:
        return False
    ranges = _ranges(accept)
    if ranges.get("application/json", 0):
        return False
    liking = ranges.get(PAGE, 0)
    return bool(liking and ranges.get(BROWSERS_MARK)) and liking >= max(ranges.values())


def takes_data(accept: str) -> bool:
    """Whether JSON is among what is taken; a header that says nothing takes everything."""
    ranges = _ranges(accept)
    return not ranges or any(_liking(ranges, kind) > 0 for kind in DATA)


def _liking(ranges: Mapping[str, float], kind: str) -> float:
    """The weight of the most specific range that `kind` falls under."""
    for name in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0


def _ranges(accept: str) -> dict[str, float]:
    """The header's media ranges and their weights; of a range that stands there twice the greater one."""
    found: dict[str, float] = {}
    for each in accept[:LONGEST].lower().split(","):
        name, *parameters = (part.strip() for part in each.split(";"))
        name = "*/*" if name == "*" else name  # as the JDK writes it
        weight = _weight(parameters)
        if "/" in name and weight is not None:
            found[name] = max(found.get(name, 0.0), weight)
    return found


def _weight(parameters: list[str]) -> float | None:
    """The range's weight; None where it cannot be read, and nor can the range."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return max(0.0, min(1.0, float(value)))
            except ValueError:
                return None
    return 1.0
