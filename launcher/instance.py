"""One platform of this checkout: where its ports begin and where its files lie."""

from dataclasses import dataclass
from pathlib import Path

from launcher.errors import LauncherError

ROOT = Path(__file__).resolve().parent.parent
# The highest base port is 8432; beyond this the ports would fall into Linux's range for outgoing connections.
HIGHEST_OFFSET = 24_000


@dataclass(frozen=True)
class Instance:
    """A platform, told apart from others of the same checkout by its port offset."""

    offset: int = 0
    root: Path = ROOT

    def __post_init__(self) -> None:
        if not 0 <= self.offset <= HIGHEST_OFFSET:
            raise LauncherError(
                f"--port-offset {self.offset} is out of range.", f"Choose one from 0 to {HIGHEST_OFFSET}."
            )

    @property
    def state(self) -> Path:
        """The directory of everything this platform keeps."""
        return self.root / ".microcommerce" / str(self.offset)

    @property
    def logs(self) -> Path:
        """One log file for each process."""
        return self.state / "logs"

    @property
    def data(self) -> Path:
        """What `down` keeps and `reset` forgets."""
        return self.state / "data"

    @property
    def media(self) -> Path:
        """Pictures that managers uploaded; a store like the others."""
        return self.data / "media"

    @property
    def config(self) -> Path:
        """Configuration files, written anew by each `up`."""
        return self.state / "config"

    def port(self, base: int) -> int:
        """Where a part listens whose port is `base` when there is no offset."""
        return base + self.offset

    def make_directories(self) -> None:
        """Create the directories, for this user only: data and logs are nobody else's business."""
        for directory in (self.state, self.logs, self.data, self.media, self.config):
            directory.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)

    def option(self) -> str:
        """The option that names this platform on the command line, to be shown in hints."""
        return f" --port-offset {self.offset}" if self.offset else ""
