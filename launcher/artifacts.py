"""Java programs from Maven Central: pinned and hashed in `artifacts.json`, resumed when a download breaks.

`python -m launcher.artifacts` resolves the versions below anew and writes the lock.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jgo
import requests
from jgo.config import GlobalSettings
from jgo.maven import Artifact, MavenContext

from launcher.cache import cache_directory, locked
from launcher.errors import LauncherError

LOCK = Path(__file__).with_name("artifacts.json")
KAFKA = "org.apache.kafka:kafka_2.13:4.4.0"
LOG4J_BINDING = (
    "org.apache.logging.log4j:log4j-slf4j-impl"  # Kafka logs through SLF4J 1.7 and brings no binding
)
KEYCLOAK = "org.keycloak:keycloak-quarkus-dist:26.7.3"
ATTEMPTS = 5
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 18

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Locked:
    """A file of Maven Central whose content is known beforehand."""

    group: str
    artifact: str
    version: str
    packaging: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.{self.packaging}"

    def path(self) -> str:
        """Where it lies in a Maven repository."""
        return "/".join((*self.group.split("."), self.artifact, self.version, self.name))


def locked_artifacts(part: str) -> list[Locked]:
    """The files of `part`: kafka or keycloak."""
    return [Locked(**each) for each in json.loads(LOCK.read_text())[part]]


def fetch(part: str, say: Progress = lambda _: None) -> Path:
    """The directory that holds every file of `part`, each checked against the lock when it came."""
    files = locked_artifacts(part)
    digest = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()[:12]
    target = cache_directory() / f"{part}-{digest}"
    if not target.exists():
        with locked(part):
            if not target.exists():
                unfinished = target.with_name(target.name + ".unfinished")
                unfinished.mkdir(exist_ok=True)
                _fetch_all(files, unfinished, say)
                unfinished.rename(target)
    return target


def _fetch_all(files: Sequence[Locked], directory: Path, say: Progress) -> None:
    with ThreadPoolExecutor(6) as pool:
        for done, _ in enumerate(pool.map(lambda file: _fetch(file, directory), files), 1):
            say(f"{done} of {len(files)} files")


def _fetch(file: Locked, directory: Path) -> None:
    target = directory / file.name
    if target.exists():
        return
    part = target.with_name(file.name + ".part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _download(file, part)
            break
        except requests.RequestException as error:
            if attempt == ATTEMPTS:
                raise LauncherError(
                    f"{file.name} could not be downloaded from Maven Central: {error}",
                    "Check the network (HTTPS_PROXY and REQUESTS_CA_BUNDLE are honoured) and run the command again: "
                    "it goes on where it stopped.",
                ) from error
            time.sleep(attempt)
    part.rename(target)


def _download(file: Locked, part: Path) -> None:
    """Bring `part` to its full length, beginning where an earlier attempt ended, and check it."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    url = f"{_repository()}/{file.path()}"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
        if answer.status_code != requests.codes.requested_range_not_satisfiable:
            answer.raise_for_status()
            with part.open("ab" if answer.status_code == requests.codes.partial_content else "wb") as output:
                output.writelines(answer.iter_content(CHUNK_BYTES))
    _check(file, part)


def _repository() -> str:
    """The first repository of this user's jgo configuration, for those who have a mirror; else Maven Central."""
    configured = GlobalSettings.load().repositories or MavenContext().remote_repos
    return next(iter(configured.values()))


def _check(file: Locked, path: Path) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != file.sha256:
        path.unlink()
        raise requests.ConnectionError(
            f"what came is not {file.name}: its SHA-256 is {found}, not {file.sha256}"
        )


def lock() -> None:
    """Resolve every version and write the lock; for whoever raises a version above."""
    context = MavenContext()
    kafka = jgo.resolve(KAFKA)
    log4j = next(each for each in kafka if each.artifactId == "log4j-core").version
    group, name = LOG4J_BINDING.split(":")
    kafka.append(context.project(group, name).at_version(log4j).artifact())
    group, name, version = KEYCLOAK.split(":")
    keycloak = [context.project(group, name).at_version(version).artifact(packaging="zip")]
    text = {"kafka": [_entry(each) for each in kafka], "keycloak": [_entry(each) for each in keycloak]}
    LOCK.write_text(json.dumps(text, indent=1) + "\n")


def _entry(artifact: Artifact) -> dict[str, Any]:
    digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
    return {
        "group": artifact.groupId,
        "artifact": artifact.artifactId,
        "version": artifact.version,
        "packaging": artifact.packaging,
        "sha256": digest,
    }


if __name__ == "__main__":
    lock()
