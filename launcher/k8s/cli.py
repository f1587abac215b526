"""The commands `manage_all.py k8s …`. Each one reads its arguments and calls what does the work."""

from typing import Annotated

import typer

app = typer.Typer(
    help="Run the platform on Kubernetes: k8s/ has the manifests, docs/kubernetes.md the way.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Overlay = Annotated[
    str, typer.Argument(metavar="[OVERLAY]", help="`local`, `production`, `base`, or a directory.")
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
