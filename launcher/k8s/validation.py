"""Judge an overlay without a cluster: by the API's schemas, and by what every manifest of ours must have."""

from dataclasses import dataclass

from launcher.k8s import policies, schemas
from launcher.k8s.kustomize import objects, render


@dataclass(frozen=True)
class Judgement:
    """What was found in an overlay."""

    overlay: str
    count: int  # objects
    unknown: tuple[str, ...]  # kinds that no schema here describes
    complaints: tuple[str, ...]


def judge(overlay: str) -> Judgement:
    """Render the overlay and look at every object. Raises LauncherError where it cannot be rendered."""
    found = objects(render(overlay))
    unknown = tuple(sorted({each["kind"] for each in found if not schemas.is_known(each)}))
    return Judgement(overlay, len(found), unknown, (*schemas.complaints(found), *policies.complaints(found)))
