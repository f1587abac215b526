"""Sign-ins under way: what has to be remembered from `/login/` until Keycloak sends the browser back.

It lies in the browser, in a cookie that is signed, good for ten minutes and out of reach of scripts, so that asking
for the sign-in page stores nothing here. mozilla-django-oidc writes it: one entry for each tab, by its `state`.
"""

import json
import time
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

MOST_BYTES = 2600  # as JSON: 3,500 in the cookie; browsers keep 4,096 (RFC 6265, section 6.1)
LONGEST_NEXT = 2000  # bytes of an address to come back to
STATES = "oidc_states"


def remember_next(session: SessionBase) -> None:
    """Write where the newest sign-in leads into its own entry; entries that are too old, or too many, go."""
    found = session.pop("oidc_login_next", None)
    oldest = time.time() - settings.SESSION_COOKIE_AGE
    *others, (newest, entry) = session[STATES].items()
    fresh = [(state, each) for state, each in others if each["added_on"] > oldest]
    entry["next"] = found if found and _size(found) <= LONGEST_NEXT else None
    entries = [*fresh, (newest, entry)]
    while len(entries) > 1 and _size(dict(entries)) > MOST_BYTES:
        del entries[0]
    session[STATES] = dict(entries)


def next_of(session: SessionBase, state: str) -> str | None:
    """Where the sign-in with this `state` leads, if it said so."""
    found: str | None = session.get(STATES, {}).get(state, {}).get("next")
    return found


def write_again(session: SessionBase) -> None:
    """Have the cookie say what is still under way; without anything, it goes."""
    if session.get(STATES):
        session.modified = True
    else:
        session.flush()


def _size(value: Any) -> int:
    return len(json.dumps(value))
