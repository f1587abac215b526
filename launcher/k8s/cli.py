"""The commands `manage_all.py k8s …`. Each one reads its arguments and calls what does the work."""

from typing import Annotated

import typer

from launcher.console import console, say

app = typer.Typer(
    help="Run the platform on Kubernetes: k8s/ has the manifests, docs/kubernetes.md the way.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Overlay = Annotated[
    str, typer.Argument(metavar="[OVERLAY]", help="`local`, `production`, `base`, or a directory.")
]
Lab = Annotated[
    bool, typer.Option("--lab", help="The real one-node cluster that the tests bring (needs root).")
]


@app.command()
def render(overlay: Overlay = "local") -> None:
    """Print the manifests as `kubectl apply -k` would send them, for people and for GitOps."""
    from launcher.k8s.kustomize import render as rendered

    typer.echo(rendered(overlay), nl=False)


@app.command()
def secrets() -> None:
    """Print the Secrets of overlays/local for `kubectl apply -f -`: random, the same at each call, never in git."""
    from launcher.k8s.secrets import manifests

    typer.echo(manifests(), nl=False)


@app.command()
def validate(
    overlay: Annotated[
        list[str] | None, typer.Argument(metavar="[OVERLAY]...", help="As for `render`; none: all of ours.")
    ] = None,
) -> None:
    """Hold the manifests to the API's schemas, strictly, and to our own rules; no cluster is asked. Exit code 1: refused."""
    from launcher.k8s.kustomize import overlays
    from launcher.k8s.policies import CHECKS
    from launcher.k8s.schemas import KUBERNETES
    from launcher.k8s.validation import judge

    refused = False
    for name in overlay or ["base", *overlays()]:
        found = judge(name)
        refused |= bool(found.complaints)
        verdict = f"{len(found.complaints)} complaints" if found.complaints else "good"
        held_to = f"the schemas of Kubernetes {KUBERNETES} and {len(CHECKS)} rules"
        console.print(
            f"{name}: {found.count} objects, held to {held_to}: {verdict}", markup=False, soft_wrap=True
        )
        for line in (*found.complaints, *(f"no schema here for {kind}" for kind in found.unknown)):
            say(line)
    if refused:
        raise typer.Exit(1)


@app.command()
def images() -> None:
    """Build the image of every service with podman, buildah or Docker."""
    from launcher.k8s.images import PACKAGES, build, of_services, version

    for image in of_services(f"{name}:{version()}" for name in PACKAGES):
        build(image)
        say(image.name)


@app.command()
def up(overlay: Overlay = "local", lab: Lab = False) -> None:
    """Look whether the cluster in kubeconfig has what it takes, apply an overlay, and wait until all is ready.

    With --lab: start the tests' own cluster first, with images and Secrets made here.
    """
    from launcher.k8s.running import bring_up

    bring_up(overlay, say, in_lab=lab)
    console.print(
        "\nEverything is up. The gateway: kubectl -n microcommerce port-forward service/gateway 8000"
    )


@app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_tests(context: typer.Context, lab: Lab = False) -> None:
    """Run tests/k8s against the platform that is up there. What is not known here goes to pytest: `-k`, `-x`."""
    from launcher.k8s.running import run_tests as run

    if not run(context.args, in_lab=lab):
        raise typer.Exit(1)


@app.command()
def down(lab: Lab = False) -> None:
    """Remove the namespace with everything in it, data too; with --lab the tests' own cluster."""
    from launcher.k8s.running import take_down

    take_down(say, in_lab=lab)
