"""The lab cluster of tests/k8s/lab: a real Kubernetes of one node on this machine, for who has no other."""

import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from launcher.cache import cache_directory
from launcher.errors import LauncherError
from launcher.instance import ROOT
from launcher.k8s import images, stand_ins
from launcher.k8s.cluster import Cluster

SCRIPTS = ROOT / "tests" / "k8s" / "lab"
NAMESPACE = "microcommerce-lab"  # of the network: tests/k8s/lab/settings.sh
Say = Callable[[str], None]


def directory() -> Path:
    """Where its programs, logs and state are."""
    return cache_directory() / "kubernetes"


def start(say: Say) -> None:
    """Build what is missing and start what does not run: minutes the first time, then about one."""
    _script("up.sh", say)


def stop(say: Say) -> None:
    """Take it away, with everything that runs in it. What was built stays."""
    _script("down.sh", say)


def is_up() -> bool:
    """Whether somebody started it, and nobody took it away."""
    return Path("/run/netns", NAMESPACE).exists() and _kubeconfig().exists()


def cluster() -> Cluster:
    """How one talks to it. Raises LauncherError where it is not up."""
    if not is_up():
        raise LauncherError("The lab cluster is not up.", "`manage_all.py k8s up --lab` starts it.")
    return Cluster(
        kubectl=str(directory() / "bin" / "kubectl"),
        through=("nsenter", f"--net=/run/netns/{NAMESPACE}"),
        environment={**os.environ, "KUBECONFIG": str(_kubeconfig())},
        is_lab=True,
    )


def bring_images(names: Iterable[str], say: Say) -> dict[str, str]:
    """Build every image that manifests name, and give the node those that it has not: name -> what it holds now."""
    wanted = sorted(set(names))
    context = directory() / "stores"
    stand_ins.gather(context)
    for image in (*images.of_services(wanted), *stand_ins.of_stores(wanted, context)):
        images.build(image, _environment())
        say(f"image {image.name}")
    _load([images.full_name(each) for each in wanted])
    return {name: _identity(images.full_name(name)) for name in wanted}


def _load(names: Iterable[str]) -> None:
    """Into containerd, all in one archive: their common layers are in it once."""
    kept = directory() / "run" / "images"
    kept.mkdir(exist_ok=True)
    missing = {name: _identity(name) for name in names if _is_new(kept, name)}
    if not missing:
        return
    socket = directory() / "run" / "containerd.sock"
    save = ["podman", "save", "--quiet", "--format=docker-archive", "--multi-image-archive", *missing]
    give = ["ctr", f"--address={socket}", "--namespace=k8s.io", "images", "import", "-"]
    with subprocess.Popen(save, stdout=subprocess.PIPE, env=_environment()) as saved:
        done = subprocess.run(give, stdin=saved.stdout, capture_output=True, text=True, check=False)
    if saved.returncode or done.returncode:
        raise LauncherError(f"The node did not take the images: {done.stderr}", "")
    for name, identity in missing.items():
        _note(kept, name).write_text(identity)


def _is_new(kept: Path, name: str) -> bool:
    note = _note(kept, name)
    return not note.exists() or note.read_text() != _identity(name)


def _note(kept: Path, name: str) -> Path:
    return kept / name.replace("/", "_")


def _identity(name: str) -> str:
    """The digest of an image that podman has. Raises LauncherError where it has none of that name."""
    done = subprocess.run(
        ["podman", "image", "inspect", "--format={{.Id}}", name],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LauncherError(
            f"There is no image {name}, and nothing here builds it.",
            "The lab cluster has no registry: see launcher/k8s/images.py and stand_ins.py for what it has.",
        )
    return done.stdout.strip()


def _kubeconfig() -> Path:
    return directory() / "run" / "pki" / "admin.conf"


def _environment() -> dict[str, str]:
    return {**os.environ, "CONTAINERS_CONF": str(directory() / "containers.conf")}


def _script(name: str, say: Say) -> None:
    """Run one of its scripts and show what it says."""
    with subprocess.Popen(
        [str(SCRIPTS / name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        said = ""
        for line in running.stdout or ():
            said = line.strip()
            say(said)
    if running.returncode != 0:
        raise LauncherError(f"The lab cluster: {said}", f"Logs: {directory() / 'log'}")
