"""Looks for secrets in every line that the repository's history has ever added: `python -m launcher.testing.secret_scan`.

A secret that was committed once stays readable for good, so the newest tree is not enough. By form (keys, tokens,
passwords in addresses) and not by entropy: the locks are full of hashes.
"""

import subprocess
import sys
from collections.abc import Iterator

from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings

from launcher.instance import ROOT

FORMS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
LONGEST = 10_000  # characters: what is longer is a picture or a document, not somebody's slip
EXAMPLES = {"a-password", "pw", "{name}", "{user}", "PASSWORD"}  # stand where a password would


def added_lines() -> Iterator[tuple[str, str]]:
    """Each line that any commit has added, with the file that it was added to."""
    # Whoever the checkout belongs to: reading it runs nothing of it.
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "log",
        "--all",
        "--patch",
        "--unified=0",
        "--no-color",
        "--no-ext-diff",
        "--format=",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace") as log:
        assert log.stdout  # noqa: S101 - a pipe was asked for
        file = ""
        for line in log.stdout:
            if line.startswith("+++ "):
                file = line[6:].strip()
            elif line.startswith("+"):
                yield file, line[1:].rstrip("\n")
    if log.returncode:
        raise SystemExit("git does not show the history: is this a clone?")


def found() -> Iterator[str]:
    """What looks like a secret: where it is, and of which kind."""
    seen: set[str] = set()
    with transient_settings({"plugins_used": [{"name": name} for name in FORMS]}):
        for file, line in added_lines():
            if line in seen or len(line) > LONGEST:
                continue
            seen.add(line)
            for secret in scan_line(line):
                if not _is_no_secret(str(secret.secret_value), line):
                    yield f"{file}: {secret.type}: {line.strip()[:120]}"


def _is_no_secret(value: str, line: str) -> bool:
    """Development's passwords are their users' names; production refuses them."""
    return value in EXAMPLES or f"//{value}:{value}@" in line


if __name__ == "__main__":
    secrets = list(found())
    print(*secrets, sep="\n")
    sys.exit(bool(secrets))
