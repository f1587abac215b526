"""JSON that a store has written is answered as it is."""

import json

from shared.http.renderers import JSONRenderer, Written


def test_it_is_left_as_it_is_but_for_what_scripts_take_for_a_line_end() -> None:
    """As DRF writes the same value. Red when it is written once more, as a text, or U+2028 stays."""
    value = {"name": 'é \u2028 \u2029 " \\ \u0001'}
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert JSONRenderer().render(Written(written)) == JSONRenderer().render(value)
