"""The list of variables is complete: one that code names, or a field reads, stands there with what it is for."""

from pathlib import Path

import pytest

from launcher.contract import configuration
from launcher.contract.parts import Part


def part(*fields: tuple[str, str]) -> Part:
    variables = [{"name": name, "default": "none", "description": text} for name, text in fields]
    return Part("order", {}, [], [], variables)


@pytest.fixture(autouse=True)
def _sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "code.py").write_text('os.environ["MICROCOMMERCE_KNOWN"]; "MICROCOMMERCE_" + name')
    monkeypatch.setattr(configuration, "ROOT", tmp_path)


def test_what_is_listed_is_no_fault() -> None:
    assert list(configuration.faults({"order": part(("KNOWN", "what it is for"))})) == []


def test_a_variable_that_only_the_code_knows_is_a_fault() -> None:
    (found,) = configuration.faults({"order": part(("OTHER", "what it is for"))})
    assert "apps/code.py names MICROCOMMERCE_KNOWN" in found


def test_a_field_that_nobody_described_is_a_fault() -> None:
    (found,) = configuration.faults({"order": part(("KNOWN", ""))})
    assert "MICROCOMMERCE_KNOWN has no description" in found


def test_what_one_service_alone_reads_stands_under_its_name() -> None:
    parts = {"order": part(("BOTH", "b")), "gateway": part(("BOTH", "b"), ("OWN", "o"))}
    text = configuration.document(parts)
    assert text.index("MICROCOMMERCE_BOTH") < text.index("## Only the gateway service") < text.index("_OWN")
