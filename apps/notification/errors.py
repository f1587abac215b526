"""What can go wrong with a notification or with a live connection, each with its way out."""

from typing import ClassVar

from shared.http.problems import Problem


class UnknownNotification(Problem):
    """The caller has no notification with this id."""

    slug = "not-found"
    status_code = 404
    default_detail = "You have no notification with this id. GET /api/notifications/ lists those you have."


class Refused(Exception):
    """A live connection is closed at once: `code` says to programs why, the text to people (at most 123 bytes)."""

    code: ClassVar[int]


class NotAuthenticated(Refused):
    """No token, a bad one, or one that has expired: come back with a fresh one."""

    code = 4401


class NotAllowed(Refused):
    """The caller is known and has not the role."""

    code = 4403


class BadCursor(Refused):
    """`after` is not the id of a notification."""

    code = 4400


class NotNow(Refused):
    """A store is away (RFC 6455 registry: Try Again Later)."""

    code = 1013
