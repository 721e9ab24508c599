"""`relay check` tells everything that would go wrong later, at once."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from relay import check
from relay.cli.app import build
from relay.config import shipped

GOOD = """
[spool]
path = "{spool}"
[routes.a]
signing_keys = ["env:KEY"]
[routes.a.inlet]
url = "https://dcs.adobedc.net/collection/x"
flow_id = "f"
"""

XDM = 'format = "xdm"\nschema_id = "s"\ndataset_id = "d"\nims_org_id = "o"'


@pytest.fixture
def checked(tmp_path):
    """Check a settings text; the exit code and the findings."""

    def run(text: str) -> tuple[int, list[dict[str, str]]]:
        path = tmp_path / "relay.toml"
        path.write_text(text.format(spool=tmp_path / "spool", folder=tmp_path))
        words = ["check", "--config", str(path), "--json"]
        done = CliRunner().invoke(build(["check"]), words, env={"KEY": "k"})
        found = json.loads(done.stdout)
        assert found["ok"] == (done.exit_code == 0)
        return done.exit_code, found["findings"]

    return run


def test_a_good_configuration_has_nothing_to_mend(checked, tmp_path):
    """Exit 0, no findings but perhaps a small disk, and nothing is left behind, not a folder."""
    code, findings = checked(GOOD)
    assert code == 0
    assert [one for one in findings if one["where"] != "spool.max_bytes"] == []
    code, _ = checked(GOOD.replace("{spool}", "{spool}/deep/down"))
    assert code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["relay.toml"]


def test_what_goes_away_meanwhile_has_no_size(tmp_path):
    """A file that a relay deletes while its spool is looked at is no problem of the disk."""
    assert check._size_bytes(tmp_path / "gone") == 0


def test_every_problem_is_told_not_only_the_first(checked):
    """Unknown keys with the nearest known one, wrong units and missing secrets come together."""
    code, findings = checked(
        GOOD.replace("env:KEY", "env:NOT_THERE").replace(
            "[routes.a]", "max_bites = 1\nretention = '3 weeks'\n[routes.a]"
        )
    )
    assert code == 1
    told = {one["where"]: one["message"] for one in findings}
    assert told["spool.max_bites"] == "unknown key, did you mean max_bytes?"
    assert "expected a duration" in told["spool.retention"]
    assert "NOT_THERE is not set" in told["routes.a.signing_keys[0]"]


def test_a_wrong_setting_hides_nothing_else(checked, tmp_path):
    """Beside wrong settings the mapping set, the schema, the rules and the disk are looked at."""
    (tmp_path / "spool").write_text("a file")
    code, findings = checked(
        GOOD.replace("[routes.a]", "max_bites = 1\n[routes.a]\nmapping = 'none.json'")
        + "batch_max_records = 0\nbatch_max_bytes = 2000000\n"
        + "[routes.b]\nsigning_keys = 'env:KEY'\nschema = 'neither.json'\n"
    )
    assert code == 1
    told = {one["where"]: one["message"] for one in findings}
    assert len(told) == len(findings)
    assert set(told) == {
        "spool.max_bites",
        "spool.path",
        "routes.a.mapping",
        "routes.a.inlet.batch_max_records",
        "routes.a.inlet.batch_max_bytes",
        "routes.b.signing_keys",
        "routes.b.path",
        "routes.b.inlet.url",
        "routes.b.schema",
    }
    assert told["routes.a.mapping"].startswith("none.json: No such file or directory; expected")


def test_a_row_that_cannot_be_read_hides_no_other(checked, tmp_path):
    """Rows beside one that does not parse are held against the schema all the same."""
    rows = [
        {"sourceType": "EXPRESSION", "source": "frob(metric)", "destination": "nowhere.x"},
        {"sourceType": "EXPRESSION", "source": "concat(", "destination": "x"},
    ]
    (tmp_path / "mapping.json").write_text(json.dumps({"mappings": rows}))
    code, findings = checked(
        GOOD.replace("[routes.a]", "[routes.a]\nmapping='{folder}/mapping.json'")
    )
    assert code == 1
    told = "\n".join(one["message"] for one in findings)
    assert "row 2 (x): expected a value" in told
    assert "there is no function frob" in told
    assert "the schema has no nowhere" in told
    assert "nothing feeds" not in told


def test_a_spool_of_a_newer_relay_is_told(checked, tmp_path):
    """The format that this relay does not know is found before it refuses to start."""
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "version").write_text("9\n")
    code, findings = checked(GOOD)
    assert code == 1
    assert "format 9, this relay knows 1" in findings[0]["message"]


def test_a_mapping_set_is_linted_against_its_schema(checked, tmp_path):
    """An unknown function and a destination that the schema lacks are errors, with the row."""
    mapping = {
        "mappings": [
            {"sourceType": "EXPRESSION", "source": "uper(metric)", "destination": "_x.metric"},
            {"sourceAttribute": "event_id", "destinationXdmPath": "_extconndev.event_id0"},
        ]
    }
    (tmp_path / "mapping.json").write_text(json.dumps(mapping))
    settings = f'mapping = "{{folder}}/mapping.json"\nschema = "{shipped("schema.json")}"\n'
    code, findings = checked(GOOD.replace("[routes.a]\n", f"[routes.a]\n{settings}"))
    assert code == 1
    text = "\n".join(one["message"] for one in findings)
    assert "uper" in text
    assert "upper" in text
    assert "^" in text
    assert "_x" in text


def test_a_disk_that_cannot_be_written_is_told(checked, tmp_path):
    """A spool path that is a file is an error that names it."""
    (tmp_path / "spool").write_text("a file")
    code, findings = checked(GOOD)
    assert code == 1
    assert [one["where"] for one in findings] == ["spool.path"]
    assert str(tmp_path / "spool") in findings[0]["message"]


def test_more_than_the_disk_holds_is_a_warning(checked):
    """A limit over what the disk has room for is told, but refuses nothing."""
    code, findings = checked(GOOD.replace("[spool]", '[spool]\nmax_bytes = "900TiB"'))
    assert code == 0
    assert [(one["severity"], one["where"]) for one in findings] == [
        ("warning", "spool.max_bytes")
    ]


@pytest.mark.parametrize(
    ("flow", "warned"),
    [
        ('url = "https://dcs.adobedc.net/collection/x"', True),
        ('url = "https://dcs.adobedc.net/collection/x?x-adobe-flow-id="', True),
        ('url = "https://dcs.adobedc.net/collection/x?x-adobe-flow-id=f"', False),
        ('url = "https://dcs.adobedc.net/collection/x?X-Adobe-Flow-Id=f"', False),
        ('url = "https://dcs.adobedc.net/collection/x"\nflow_id = "f"', False),
        ('url = "https://dcs.adobedc.net/collection/x"\n' + XDM, False),
    ],
)
def test_raw_events_without_a_flow_are_a_warning(checked, flow, warned):
    """Neither the setting nor the URL's query names a flow: told, but refused is nothing."""
    code, findings = checked(GOOD[: GOOD.index("url =")] + flow + "\n")
    assert code == 0
    where = {one["where"] for one in findings if one["severity"] == "warning"}
    assert ("routes.a.inlet.flow_id" in where) is warned


@pytest.mark.parametrize("placeholder", ["INLET_ID", "REPLACE-ME"])
def test_the_examples_placeholders_are_a_warning(checked, placeholder):
    """A settings file that was copied and not filled in is told so, at both places."""
    code, findings = checked(
        GOOD.replace("collection/x", f"collection/{placeholder}").replace('"f"', '"FLOW_ID"')
    )
    assert code == 0
    told = {one["where"]: one["message"] for one in findings}
    assert (
        f"still the example's https://dcs.adobedc.net/collection/{placeholder};"
        in (told["routes.a.inlet.url"])
    )
    assert "routes.a.inlet.flow_id" in told
