"""The command line: what it prints, what it exits with, and a server that starts and stops."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import cli, logs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment of a fresh data folder, in a folder without a settings file."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DESKHAND_")]:
        monkeypatch.delenv(name)
    return {"DESKHAND_DATA_DIR": str(tmp_path / "data"), "DESKHAND_LOG_LEVEL": "error"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the handlers of the test run alone."""
    monkeypatch.setattr(logs, "configure", lambda level: None)


def run(argv: Sequence[str], environ: dict[str, str], capsys: Any) -> tuple[int, str, str]:
    status = cli.main(argv, environ)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_an_account_is_added_listed_and_disabled(environ: dict[str, str], capsys: Any) -> None:
    status, out, _ = run(["user", "add", "Mia@Example.com", "--role", "admin", "--json"], environ, capsys)
    added = json.loads(out)
    assert status == 0
    assert (added["email"], added["role"], added["name"]) == ("mia@example.com", "admin", "mia")
    assert len(added["password"]) >= 16
    status, out, _ = run(["user", "list", "--json"], environ, capsys)
    assert [one["email"] for one in json.loads(out)["accounts"]] == ["mia@example.com"]
    status, _, err = run(["user", "disable", "mia@example.com"], environ, capsys)
    assert status == 1 and "last admin" in err
    run(["user", "add", "ada@example.com", "--role", "admin"], environ, capsys)
    status, out, _ = run(["user", "disable", "mia@example.com"], environ, capsys)
    assert (status, out) == (0, "disabled mia@example.com\n")
    _, out, _ = run(["user", "list"], environ, capsys)
    assert "disabled" in out


def test_a_password_can_come_from_stdin(
    environ: dict[str, str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ["user", "add", "mia@example.com", "--password-stdin"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert run(add, environ, capsys)[0] == 1
    monkeypatch.setattr(sys, "stdin", io.StringIO("a-long-enough-password\n"))
    status, out, _ = run(add, environ, capsys)
    assert status == 0
    assert "password" not in out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["user", "add", "not an address"], "not an e-mail address"),
        (["user", "disable", "nobody@example.com"], "no account"),
        (["--config", "broken.toml", "user", "list"], "TOML"),
    ],
)
def test_failures_are_one_clear_line(
    environ: dict[str, str], capsys: Any, argv: list[str], said: str
) -> None:
    Path("broken.toml").write_text("port = ")
    status, out, err = run(argv, environ, capsys)
    assert (status, out) == (1, "")
    assert err.startswith("deskhand: ")
    assert said in err
    assert err.count("\n") == 1


def test_an_address_can_be_used_once(environ: dict[str, str], capsys: Any) -> None:
    assert run(["user", "add", "mia@example.com"], environ, capsys)[0] == 0
    status, _, err = run(["user", "add", "MIA@example.com"], environ, capsys)
    assert status == 1
    assert "already" in err


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["user"], ["user", "add"], ["serve", "--port", "x"]])
def test_wrong_usage_exits_with_2(environ: dict[str, str], capsys: Any, argv: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(argv, environ)
    assert left.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "argv", [["serve"], ["user"], ["user", "add"], ["user", "list"], ["user", "disable"], ["doctor"]]
)
def test_every_help_has_an_example(environ: dict[str, str], capsys: Any, argv: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([*argv, "--help"], environ)
    assert left.value.code == 0
    assert "example: deskhand" in capsys.readouterr().out


def test_doctor_says_what_is_wrong_and_what_to_do(
    environ: dict[str, str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKHAND_PROT", "1")
    environ |= {"DESKHAND_HOST": "0.0.0.0", "DESKHAND_PORT": "0", "DESKHAND_MODEL": "no-such-version"}
    Path(environ["DESKHAND_DATA_DIR"]).mkdir(mode=0o755)
    status, out, _ = run(["doctor", "--json"], environ, capsys)
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert status == 1
    assert {name for name, check in checks.items() if not check["ok"]} == {
        "data folder",
        "environment",
        "models",
        "https",
    }
    assert all(check["advice"] for check in checks.values() if not check["ok"])
    status, out, _ = run(["doctor"], environ, capsys)
    assert "FAIL environment" in out


@pytest.fixture
def server(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A running `deskhand serve --demo` whose models can't be loaded, which takes no time."""
    child = subprocess.Popen(
        [sys.executable, "-m", "bot.cli", "serve", "--demo", "--port", "0"],
        env={
            **os.environ,
            **environ,
            "PYTHONPATH": str(ROOT),
            "DESKHAND_MODEL": "none",
            "DESKHAND_DRAIN_SECONDS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield child
    child.kill()
    child.communicate()


def test_a_server_says_where_it_is_and_stops_in_good_order(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None and server.stderr is not None
    lines = [server.stdout.readline() for _ in range(3)]
    places = {line[:11].strip(): line[11:].strip() for line in lines}
    assert places["Console"] == places["Demo shop"] + "console/"
    assert places["Sign in"].startswith("admin@demo.example  password ")
    with urllib.request.urlopen(places["Demo shop"] + "health") as answer:
        assert json.load(answer) == {"status": "ok"}
    with urllib.request.urlopen(places["Demo shop"]) as answer:
        assert answer.headers["Content-Security-Policy"]
    began = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert server.wait(25) == 0
    assert time.monotonic() - began < 25
    password = places["Sign in"].split()[2]
    for line in server.stderr.read().splitlines():
        assert json.loads(line)["level"]
        assert password not in line
