"""What manifests say about pods, whatever makes them: a Deployment, a StatefulSet or a Job."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
KINDS = ("Deployment", "StatefulSet", "Job", "DaemonSet")


@dataclass(frozen=True)
class Workload:
    """An object that makes pods."""

    manifest: Json

    @property
    def kind(self) -> str:
        """Of the object."""
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        """Of the object; its pods' begin with it."""
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Where it is."""
        return str(self.manifest["metadata"].get("namespace", "default"))

    @property
    def labels(self) -> dict[str, str]:
        """Of its pods."""
        return self.manifest["spec"]["template"]["metadata"].get("labels") or {}

    @property
    def pod(self) -> Json:
        """The specification of its pods."""
        found: Json = self.manifest["spec"]["template"]["spec"]
        return found

    @property
    def containers(self) -> list[Json]:
        """What runs, without what runs before it."""
        return list(self.pod["containers"])

    @property
    def all_containers(self) -> list[Json]:
        """Those that run before it, too."""
        return [*self.pod.get("initContainers", ()), *self.containers]

    @property
    def ports(self) -> dict[int, str]:
        """What its containers listen on -> the port's name."""
        return {
            port["containerPort"]: port.get("name", "")
            for container in self.containers
            for port in container.get("ports", ())
        }

    def container(self, name: str = "app") -> Json:
        """The container of that name; raises KeyError."""
        return {each["name"]: each for each in self.all_containers}[name]


def workloads(objects: Iterable[Json]) -> Iterator[Workload]:
    """Every object that makes pods."""
    return (Workload(each) for each in objects if each["kind"] in KINDS)


def of_kind(objects: Iterable[Json], kind: str) -> list[Json]:
    """The objects of one kind."""
    return [each for each in objects if each["kind"] == kind]


def selects(selector: Json, labels: dict[str, str]) -> bool:
    """Whether a label selector means what has these labels. Raises ValueError for expressions, which are not used."""
    if selector.get("matchExpressions"):
        raise ValueError(f"a selector by expressions: {selector}")
    return (selector.get("matchLabels") or {}).items() <= labels.items()
