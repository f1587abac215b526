"""The mails that development's mail server has kept (launcher/mail_server.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path


@dataclass(frozen=True)
class Mail:
    """A mail that came."""

    number: int  # 1 is the oldest
    to: str
    subject: str
    date: str
    text: str


def mails(directory: Path) -> Sequence[Mail]:
    """Everything that came, the oldest first."""
    return [_read(number, file) for number, file in enumerate(sorted(directory.glob("*.eml")), 1)]


def _read(number: int, file: Path) -> Mail:
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    body = message.get_body(("plain", "html"))
    text = str(body.get_content()) if body else ""
    return Mail(number, str(message["To"]), str(message["Subject"]), str(message["Date"]), text)
