"""A failure that the person at the keyboard can do something about."""


class LauncherError(Exception):
    """What went wrong, and the way out; shown without a traceback."""

    def __init__(self, message: str, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.message}\n{self.way_out}".strip()
