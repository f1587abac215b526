"""Development's mail server: keeps each mail that Keycloak sends as a file, and sends nothing on.

`python -m launcher.mail_server PORT DIRECTORY`. `manage_all.py mail` shows what came.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

LARGEST_BYTES = 1024 * 1024


class Keeper:
    """Writes each mail down: a file that is there is whole."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """What the sender is told."""
        target = self._directory / f"{time.time_ns()}.eml"
        unfinished = target.with_suffix(".unfinished")
        unfinished.write_bytes(envelope.original_content or b"")
        unfinished.rename(target)
        return "250 Kept"


async def serve(port: int, directory: Path) -> None:
    """Take mails until SIGTERM."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(
        lambda: SMTP(Keeper(directory), data_size_limit=LARGEST_BYTES, enable_SMTPUTF8=True, loop=loop),
        "127.0.0.1",
        port,
    )
    async with server:
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
