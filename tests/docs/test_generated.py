"""Pages made from the code are in step with it, and nothing of the surface is left out."""

from __future__ import annotations

import re
import tomllib

import generate
import pytest
import typer
from prometheus_client import generate_latest

from relay import errors
from relay.cli.app import NOUNS, build
from relay.config import load_config
from relay.metrics import Metrics
from relay.outcome import Outcome, Reason

DOCS = generate.ROOT / "docs"


@pytest.mark.parametrize("name", generate.PAGES)
def test_page_is_in_step(name):
    """The file equals what the table in the code gives; `make docs` writes it."""
    assert (generate.ROOT / name).read_text() == generate.PAGES[name](), "run `make docs`"


def test_example_settings_are_accepted():
    """The example file, with its secret in the environment, is a configuration without a fault."""
    path = str(generate.ROOT / "config" / "relay.example.toml")
    config = load_config(path, {"CUSTOMERIO_SIGNING_KEY": "k"})
    assert list(config.routes) == [generate.EXAMPLE_ROUTE]


def test_every_default_of_the_example_is_accepted():
    """Every commented setting, uncommented, is accepted too, secrets aside."""
    text = (generate.ROOT / "config" / "relay.example.toml").read_text()
    lines = [
        re.sub(r"^# (\w+ = )", r"\1", line)
        for line in text.splitlines()
        if '"env:' not in line or "CUSTOMERIO_SIGNING_KEY" in line
    ]
    parsed = tomllib.loads("\n".join(lines))
    assert parsed["server"]["listen"] == "0.0.0.0:8080"
    assert parsed["routes"]["marketing"]["inlet"]["batch_max_records"] == 500


def commands(command: typer.Typer) -> set[str]:
    """Every command as it is typed."""
    root = typer.main.get_command(command)
    found = set()
    for noun, inner in root.commands.items():
        if hasattr(inner, "commands"):
            found |= {f"{noun} {verb}" for verb in inner.commands}
        else:
            found.add(noun)
    return found


def test_every_command_is_documented():
    """docs/commands.md names every command."""
    page = (DOCS / "commands.md").read_text()
    missing = {name for name in commands(build(NOUNS)) if f"`relay {name}" not in page}
    assert not missing


@pytest.mark.parametrize("member", [*Outcome, *Reason])
def test_every_outcome_and_reason_is_documented(member):
    """docs/outcomes.md says what each outcome and reason means and what to do."""
    assert f"`{member.value}`" in (DOCS / "outcomes.md").read_text()


def test_the_error_tree_is_drawn_as_it_is():
    """The drawing at the head of errors.py names exactly the classes."""
    drawn = re.findall(r"(\w+)$", errors.__doc__.partition("::")[2], re.MULTILINE)
    drawn = [name for name in drawn if name[0].isupper()]
    classes = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.RelayError)
    ]
    assert sorted(drawn) == sorted(classes)


def test_metrics_are_valid_text():
    """The registry renders, and every name starts with the product's."""
    text = generate_latest(Metrics().registry).decode()
    names = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    assert names
    assert all(name.startswith("relay_") for name in names)


def test_every_alert_has_its_section():
    """docs/operations.md says what to do about each alert."""
    rules = (generate.ROOT / "deploy" / "prometheus-rules.yml").read_text()
    page = (DOCS / "operations.md").read_text()
    alerts = re.findall(r"alert: (\w+)", rules)
    assert alerts
    assert [alert for alert in alerts if alert not in page] == []


def test_readme_is_short():
    """The README has at most 120 lines and starts with the two commands."""
    lines = (generate.ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 120
    head = "\n".join(lines[:12])
    assert "make demo" in head
    assert "make test" in head


def test_every_link_of_the_docs_leads_somewhere():
    """Relative links in README and docs name files that exist."""
    pages = [generate.ROOT / "README.md", *DOCS.rglob("*.md")]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_every_assumption_that_the_code_cites_is_written_down():
    """What a docstring names of docs/assumptions.md stands there, as a heading or in bold."""
    page = " ".join((DOCS / "assumptions.md").read_text().lower().split())
    cited = set()
    for path in (generate.ROOT / "relay").rglob("*.py"):
        text = " ".join(path.read_text().split())
        cited |= set(re.findall(r'assumptions\.md`*, "([^"]+)"', text))
    assert cited
    assert [words for words in sorted(cited) if words.lower() not in page] == []
