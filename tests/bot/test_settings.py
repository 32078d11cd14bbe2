"""The table of settings: where values come from and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError, load, table, unknown_variables


def test_the_defaults_are_for_one_machine() -> None:
    settings = load({})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.database.startswith("sqlite+aiosqlite:///")
    assert not settings.secure


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "deskhand.toml"
    file.write_text('port = 9000\nshop_name = "Tern"\nwidget_origins = ["https://shop.example.com"]\n')
    settings = load({"DESKHAND_PORT": "9001"}, file)
    assert settings.port == 9001
    assert settings.shop_name == "Tern"
    assert settings.widget_origins == ("https://shop.example.com",)


def test_lists_have_commas_in_the_environment() -> None:
    settings = load({"DESKHAND_TRUSTED_PROXIES": "10.0.0.1, 10.0.0.2,"})
    assert settings.trusted_proxies == ("10.0.0.1", "10.0.0.2")


def test_a_missing_file_counts_as_empty(tmp_path: Path) -> None:
    assert load({}, tmp_path / "none.toml") == Settings()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("prot = 1", "prot"),
        ("port = true", "port"),
        ("port = 70000", "port"),
        ('policy_mode = "always"', "policy_mode"),
        ("widget_origins = 3", "widget_origins"),
        ("port = ", "TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "deskhand.toml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=named):
        load({}, file)


@pytest.mark.parametrize(
    "origin",
    [
        "shop.example.com",
        "https://shop.example.com/path",
        "https://shop.example.com; script-src *",
        "javascript:alert(1)",
        "https://a\nb",
        "http://[",
        "https://me:secret@shop.example.com",
    ],
)
def test_only_plain_origins_reach_a_header(origin: str) -> None:
    with pytest.raises(SettingsError):
        load({"DESKHAND_WIDGET_ORIGINS": origin})


def test_every_row_says_what_it_is() -> None:
    for row in table():
        assert row.sentence.endswith(".")
        assert row.variable == f"DESKHAND_{row.name.upper()}"
        assert row.type


def test_a_typing_error_in_the_environment_is_noticed() -> None:
    assert unknown_variables({"DESKHAND_PROT": "1", "DESKHAND_PORT": "1", "HOME": "/"}) == ("DESKHAND_PROT",)
