"""Settings: environment, secrets, unknown keys, rules; every problem at once."""

from __future__ import annotations

import pytest

from relay.config import load_config, shipped
from relay.errors import ConfigError

MINIMAL = """
[routes.marketing]
signing_keys = ["env:KEY"]
[routes.marketing.inlet]
url = "https://dcs.adobedc.net/collection/abc"
"""


@pytest.fixture
def write(tmp_path):
    def _write(text):
        path = tmp_path / "relay.toml"
        path.write_text(text)
        return str(path)

    return _write


def problems_of(path, environ, **options):
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ, **options)
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def test_minimal(write):
    """A route with a key and an inlet is enough; everything else has its default."""
    config = load_config(write(MINIMAL), {"KEY": "secret"})
    route = config.routes["marketing"]
    assert route.signing_keys[0].get_secret_value() == "secret"
    assert config.spool.max_bytes == 10 * 2**30
    assert config.server.lame_duck == 5.0
    assert route.inlet.batch_max_age == 0.25
    assert route.path == "/webhooks/customerio"


def test_secret_is_never_shown(write):
    """Neither repr nor str of the configuration shows a secret."""
    config = load_config(write(MINIMAL), {"KEY": "hunter2"})
    assert "hunter2" not in repr(config) + str(config) + config.model_dump_json()


def test_environment_over_file(write):
    """A variable wins over the file, at any depth, and reaches names with capitals and dashes."""
    text = MINIMAL.replace("marketing", "My-Route") + "\n[spool]\nmax_bytes = '1GiB'\n"
    config = load_config(
        write(text),
        {
            "KEY": "k",
            "RELAY_SPOOL__MAX_BYTES": "2GiB",
            "RELAY_ROUTES__MY_ROUTE__INLET__ORDERING": "strict",
            "RELAY_ROUTES__MY_ROUTE__INLET__STRIP_CONTENT": "false",
            "RELAY_ROUTES__MY_ROUTE__ON_BAD_SIGNATURE": "503",
            "RELAY_ROUTES__MY_ROUTE__FILTER__METRIC_DENY": "opened, clicked",
            "RELAY_ROUTES__MY_ROUTE__SCHEMA": "schema.json",
        },
    )
    route = config.routes["My-Route"]
    assert config.spool.max_bytes == 2 * 2**30
    assert route.inlet.ordering == "strict"
    assert route.inlet.strip_content is False
    assert route.on_bad_signature == 503
    assert route.filter.metric_deny == ("opened", "clicked")
    assert route.schema_file == "schema.json"


def test_environment_alone():
    """No file is needed: everything may come from the environment."""
    config = load_config(
        None,
        {
            "A": "one",
            "B": "two",
            "RELAY_ROUTES__M__SIGNING_KEYS": "env:A,env:B",
            "RELAY_ROUTES__M__INLET__URL": "http://127.0.0.1:1/collection/x",
        },
    )
    keys = [key.get_secret_value() for key in config.routes["m"].signing_keys]
    assert keys == ["one", "two"]


def test_foreign_variables_are_left_alone(write):
    """What an orchestrator sets for a service named relay is not taken for a setting."""
    environ = {
        "KEY": "k",
        "RELAY_SERVICE_HOST": "10.0.0.1",
        "RELAY_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "RELAY_CONFIG": "relay.toml",
    }
    load_config(write(MINIMAL), environ)


def test_unknown_keys_name_the_nearest(write):
    """An unknown key, in the file or the environment, is told with the one that was meant."""
    text = MINIMAL + "\nbatch_max_record = 1\n[spool]\nmax_byte = 1\n[sever]\n"
    found = problems_of(write(text), {"KEY": "k", "RELAY_SERVER__LISTN": "x"})
    assert set(found) == {
        "routes.marketing.inlet.batch_max_record: unknown key, did you mean batch_max_records?",
        "spool.max_byte: unknown key, did you mean max_bytes?",
        "sever: unknown key, did you mean server?",
        "server.listn: unknown key, did you mean listen?",
    }


def test_an_end_of_more_than_thirty_seconds_is_refused(write):
    """Lame duck and drain together leave room for closing, or the process would be cut off."""
    end = '\n[server]\nlame_duck = "8s"\ndrain_timeout = "{}"\n'
    (problem,) = problems_of(write(MINIMAL + end.format("15s")), {"KEY": "k"})
    assert problem.startswith("server.drain_timeout: expected at most 22s together with")
    assert problem.endswith("got 23s")
    assert load_config(write(MINIMAL + end.format("14s")), {"KEY": "k"}).server.lame_duck == 8


def test_all_problems_at_once(write):
    """Types, rules, secrets and unknown keys are all told, not only the first."""
    text = """
[server]
listen = "nowhere"
workers = 2
[spool]
retention = "3 weeks"
[routes.a]
path = "webhooks"
signing_keys = []
[routes.a.inlet]
url = "http://dcs.adobedc.net/collection/x"
batch_max_bytes = "1MB"
auth = "hmac"
not_before = "soon"
[routes.b]
signing_keys = ["env:ABSENT"]
"""
    found = problems_of(write(text), {})
    for part in (
        "server.listen: expected HOST:PORT, got 'nowhere'",
        "server.workers: this relay runs as one process",
        "spool.retention: expected a duration",
        "routes.a.path: expected a path",
        "routes.a.signing_keys: expected at least one key",
        "routes.a.inlet.url: plain http is for loopback only",
        "routes.a.inlet.batch_max_bytes: expected less than 1000000",
        "routes.a.inlet.hmac_secret: needed",
        "routes.a.inlet.not_before: expected RFC 3339",
        "routes.b.signing_keys[0]: the environment variable ABSENT is not set or empty",
        "routes.b.inlet.url: needed",
    ):
        assert any(problem.startswith(part) for problem in found), (part, found)


def test_no_route():
    """A relay without a route does not start."""
    assert problems_of(None, {}) == ("routes: expected at least one, e.g. [routes.marketing]",)
    with pytest.raises(ConfigError) as caught:
        load_config(None, {})
    assert caught.value.hint == "name the settings' file with --config or RELAY_CONFIG"


@pytest.mark.parametrize(
    "path", ["webhook", "/a?b", "/a b", "/a%20b", "/a//", "//", "/a\\n", "/healthz/", "/"]
)
def test_a_path_that_no_delivery_can_have(write, path):
    """It is refused, for nothing posted to it would ever be taken."""
    text = MINIMAL.replace("[routes.marketing]", f'[routes.marketing]\npath = "{path}"')
    (problem,) = problems_of(write(text), {"KEY": "secret"})
    assert problem.startswith("routes.marketing.path: ")


@pytest.mark.parametrize(("key", "value"), [("max_connections", "0"), ("max_header_bytes", '"0"')])
def test_a_limit_that_refuses_everybody(write, key, value):
    """It is refused, instead of a relay that answers nobody."""
    (problem,) = problems_of(write(f"[server]\n{key} = {value}\n{MINIMAL}"), {"KEY": "secret"})
    assert problem.startswith(f"server.{key}: expected at least ")


@pytest.mark.parametrize("key", ["timeout", "retry_max_delay", "probe_interval"])
def test_an_inlet_that_is_never_left_in_peace_or_waited_for_without_end(write, key):
    """No time at all would mean thousands of requests a second, or one that never ends."""
    (problem,) = problems_of(write(f'{MINIMAL}{key} = "0s"\n'), {"KEY": "secret"})
    assert problem.startswith(f"routes.marketing.inlet.{key}: expected more than 0s")


@pytest.mark.parametrize("key", ["", "  ", "file:{blank}"])
def test_a_signing_key_with_nothing_in_it(write, tmp_path, key):
    """It is refused: what is signed with nothing, anybody can sign."""
    blank = tmp_path / "blank"
    blank.write_text(" \n")
    text = MINIMAL.replace("env:KEY", key.format(blank=blank))
    (problem,) = problems_of(write(text), {})
    assert problem.startswith("routes.marketing.signing_keys[0]: is empty")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("server.listen = 8080", "server.listen: expected text, found a number"),
        ("server.workers = 'x'", "server.workers: expected a whole number, found text"),
        (
            "server.max_connections = true",
            "server.max_connections: expected a whole number, found true or false",
        ),
        (
            "server.max_header_bytes = true",
            "server.max_header_bytes: expected a size such as '64MiB' or '10GiB', found true or f",
        ),
        (
            "server.body_timeout = true",
            "server.body_timeout: expected a duration such as '250ms', '5s' or '3d', found true",
        ),
        (
            "server.max_body_bytes = 1.5",
            "server.max_body_bytes: expected a whole number, found a n",
        ),
        (
            "server.lame_duck = []",
            "server.lame_duck: expected a duration such as '5s', found a li",
        ),
        ("server.lame_duck = true", "server.lame_duck: expected a duration such as '250ms'"),
        ("server.keep_alive = inf", "server.keep_alive: expected an end, got inf"),
        (
            "spool.max_bytes = '9999999TiB'",
            "spool.max_bytes: expected at most 4611686018427387904",
        ),
        ("spool.reserve_bytes = -5", "spool.reserve_bytes: expected at least 0, got -5"),
        ("spool.path = ''", "spool.path: expected a folder of its own"),
        ("spool.path = 2026-01-31", "spool.path: expected text, found a date or a time"),
        (
            "log.level = 'loud'",
            "log.level: expected 'debug', 'info', 'warning' or 'error', got 'l",
        ),
        ("log.level = true", "log.level: expected 'debug', 'info', 'warning' or 'error', found t"),
        ("log = []", "log: expected a table, found a list"),
        ("adobe.ims_url = 'http://ims.example'", "adobe.ims_url: plain http is for loopback only"),
        ("adobe.platform_url = 'x'", "adobe.platform_url: expected https://HOST"),
        (
            "customerio.api_url = 'https://a b'",
            "customerio.api_url: expected https://HOST without",
        ),
        ("adobe.client_id = 'é'", "adobe.client_id: expected ASCII characters without white spa"),
        ("adobe.org_id = '1@ AdobeOrg'", "adobe.org_id: expected ASCII characters without white"),
        ('adobe.sandbox = "a\\nb"', "adobe.sandbox: expected ASCII characters without white spa"),
        ("customerio.app_api_key = 'ké'", "customerio.app_api_key: expected ASCII characters "),
        (
            "server.listen = '127.0.0.1:9090'",
            "server.admin_listen: expected another port than server.listen's",
        ),
        (
            "routes.n.signing_keys = 'env:KEY'",
            'routes.n.signing_keys: expected a list such as ["one", "two"], found text',
        ),
        (
            "routes.n.signing_keys = [5]",
            "routes.n.signing_keys[0]: expected text, found a number",
        ),
        (
            "routes.n.signing_keys = ['env:']",
            "routes.n.signing_keys[0]: expected the name of an environment variable after env:",
        ),
    ],
)
def test_a_mistake_is_told_in_the_words_of_the_file(write, text, said):
    """One sentence a mistake: what was expected and what is there, not the types of a model."""
    inlet = "\nroutes.n.path = '/n'\nroutes.n.inlet.url = 'https://dcs.adobedc.net/collection/n'"
    other = inlet if text.startswith("routes.n") else ""
    (problem,) = problems_of(write(f"{text}{other}\n{MINIMAL}"), {"KEY": "secret"})
    assert problem.startswith(said)


def test_a_list_with_several_mistakes(write):
    """Each is told by its place in a table within the route's."""
    text = MINIMAL + "[routes.marketing.filter]\nmetric_deny = [1, 2]\n"
    assert problems_of(write(text), {"KEY": "secret"}) == (
        "routes.marketing.filter.metric_deny[0]: expected text, found a number",
        "routes.marketing.filter.metric_deny[1]: expected text, found a number",
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("flow_id", r"a\nb", "flow_id: expected the flow's id without white space, got 'a\\nb'"),
        ("url", "https://x/collection/a b", "url: expected https://HOST/collection/ID without wh"),
        ("url", "https://x:99999/", "url: expected https://HOST/collection/ID: port out of range"),
    ],
)
def test_an_address_that_cannot_be_sent(write, key, value, said):
    """What no request can carry is a mistake in the settings, not one of every request."""
    text = MINIMAL.rpartition("url")[0] if key == "url" else MINIMAL
    (problem,) = problems_of(write(f'{text}{key} = "{value}"\n'), {"KEY": "secret"})
    assert problem.startswith(f"routes.marketing.inlet.{said}")


def test_two_routes_on_one_path(write):
    """Two routes cannot have one path; with or without a slash at the end is the same path."""
    text = MINIMAL + MINIMAL.replace("marketing", "other").replace(
        "[routes.other]", '[routes.other]\npath = "/webhooks/customerio/"'
    )
    found = problems_of(write(text), {"KEY": "k"})
    assert found == ("routes.other.path: /webhooks/customerio/ is already routes.marketing's",)


def test_oauth_needs_credentials(write):
    """An inlet with OAuth needs the credential in [adobe]."""
    found = problems_of(write(MINIMAL + 'auth = "oauth"\n'), {"KEY": "k"})
    assert [problem.partition(":")[0] for problem in found] == [
        "adobe.client_id",
        "adobe.client_secret",
    ]


def test_secret_from_file(write, tmp_path):
    """A secret may stand in a file, whose last line end is not part of it, nor of a variable's."""
    secret = tmp_path / "key"
    secret.write_text("from-file\n")
    config = load_config(write(MINIMAL.replace("env:KEY", f"file:{secret}")), {})
    assert config.routes["marketing"].signing_keys[0].get_secret_value() == "from-file"
    config = load_config(write(MINIMAL), {"KEY": "from-file\n"})
    assert config.routes["marketing"].signing_keys[0].get_secret_value() == "from-file"
    secret.write_text("\n")
    found = problems_of(write(MINIMAL.replace("env:KEY", f"file:{secret}")), {})
    assert found == (f"routes.marketing.signing_keys[0]: {secret} is empty",)


def test_commands_that_need_less(write):
    """A command that only looks into the spool needs neither keys nor an inlet."""
    config = load_config(write("[routes.a]\nsigning_keys = ['env:ABSENT']\n"), {}, needs=["spool"])
    assert config.routes["a"].signing_keys[0].get_secret_value() == ""


def test_unreadable_files(write, tmp_path):
    """A file that is absent or no TOML is told by name."""
    absent = str(tmp_path / "absent.toml")
    assert problems_of(absent, {}) == (f"{absent}: No such file or directory",)
    assert "not TOML" in problems_of(write("[routes"), {})[0]
    path = tmp_path / "latin.toml"
    path.write_bytes(b"# \xe4\n")
    assert problems_of(str(path), {}) == (f"{path}: not TOML: byte 2 is not UTF-8",)


def test_a_value_where_a_table_should_be(write):
    """A value in the place of a table is told, from the file and from the environment."""
    found = problems_of(write("spool = 1\n" + MINIMAL), {"KEY": "k", "RELAY_SPOOL__PATH": "x"})
    assert found[0] == "RELAY_SPOOL__PATH: spool is a value in the file, expected a table"
    assert "spool: expected a table, found a number" in found


def test_shipped():
    """The shipped files are found wherever the package runs."""
    assert shipped("mapping.json").is_file()
    with pytest.raises(FileNotFoundError, match=r"no shipped file absent\.json"):
        shipped("absent.json")
