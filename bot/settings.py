"""Every setting: its name, type, default and one sentence, read once at the start.

Order: the environment (DESKHAND_<NAME>), then deskhand.toml, then the default. Knows no other module.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints
from urllib.parse import urlsplit

PREFIX = "DESKHAND_"
DATABASE_FILE = "deskhand.sqlite3"


class SettingsError(ValueError):
    """A setting is unknown or has an impossible value; the message names it and says what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The table. Lists are written with commas in the environment and as arrays in TOML."""

    host: Annotated[str, "Address to listen on; 0.0.0.0 for every interface."] = "127.0.0.1"
    port: Annotated[int, "TCP port to listen on; 0 lets the system choose."] = 8080
    data_dir: Annotated[Path, "Folder of all state: database, model versions, uploads."] = Path(
        "deskhand-data"
    )
    database_url: Annotated[str, "Where the data lives; empty means deskhand.sqlite3 in data_dir."] = ""
    redis_url: Annotated[str, "Redis for events between several nodes; empty means in this process."] = ""
    public_url: Annotated[str, "Address that browsers use, such as https://help.example.com."] = ""
    widget_origins: Annotated[tuple[str, ...], "Origins of the pages that may show the widget."] = ()
    trusted_proxies: Annotated[tuple[str, ...], "Addresses whose X-Forwarded-For header is believed."] = ()
    shop_name: Annotated[str, "Name shown to customers."] = "Deskhand"
    model: Annotated[str, "Model version to serve; empty means the current one."] = ""
    device: Annotated[str, "Where the models run: cpu or cuda."] = "cpu"
    reply_length: Annotated[str, "Which suggestions are preferred: short, usual or long ones."] = "usual"
    reply_tone: Annotated[str, "Which suggestions are preferred: formal, usual or friendly ones."] = "usual"
    apologise: Annotated[str, "Whether drafts for an angry customer begin with an apology: yes or no."] = (
        "yes"
    )
    trains: Annotated[str, "Whether rounds of training run on this node: yes or no."] = "yes"
    policy_mode: Annotated[str, "Until an admin chooses: off, draft or automatic."] = "draft"
    review_percent: Annotated[int, "Of 100 automatic replies, how many a person is asked about."] = 10
    import_megabytes: Annotated[
        int, "Largest file of transcripts that admins may upload; gzip may unpack to ten times that."
    ] = 2048
    shadow_percent: Annotated[int, "Of 100 messages, for how many a candidate in shadow drafts unseen."] = 25
    canary_percent: Annotated[int, "Of 100 conversations, how many a candidate serves as a canary."] = 10
    workers: Annotated[int, "How many conversations are worked on at once."] = 16
    log_level: Annotated[str, "debug, info, warning or error."] = "info"
    metrics_token: Annotated[str, "Bearer token of /metrics; empty means direct local requests only."] = ""
    session_idle_hours: Annotated[int, "A sign-in ends after this long without a request."] = 12
    session_days: Annotated[int, "A sign-in ends after this long in any case."] = 7
    sign_in_tries: Annotated[int, "Sign-in tries per account and address before a pause."] = 10
    sign_in_minutes: Annotated[int, "Window in which sign_in_tries are counted."] = 15
    sockets_per_address: Annotated[int, "Open WebSockets from one address."] = 20
    sockets_per_node: Annotated[int, "Open WebSockets on this node."] = 5000
    visitors_per_minute: Annotated[int, "New visitors from one address in a minute."] = 30
    drain_seconds: Annotated[int, "At SIGTERM, how long /ready says 503 before the sockets close."] = 5

    def __post_init__(self) -> None:
        _one_of("policy_mode", self.policy_mode, ("off", "draft", "automatic"))
        _one_of("reply_length", self.reply_length, ("short", "usual", "long"))
        _one_of("reply_tone", self.reply_tone, ("formal", "usual", "friendly"))
        _one_of("apologise", self.apologise, ("yes", "no"))
        _one_of("trains", self.trains, ("yes", "no"))
        _one_of("log_level", self.log_level, ("debug", "info", "warning", "error"))
        _one_of("device", self.device, ("cpu", "cuda"))
        _between("port", self.port, 0, 65535)
        _between("review_percent", self.review_percent, 1, 100)
        _between("import_megabytes", self.import_megabytes, 1, 1_000_000)
        _between("shadow_percent", self.shadow_percent, 1, 100)
        _between("canary_percent", self.canary_percent, 1, 50)
        _between("drain_seconds", self.drain_seconds, 0, 5)
        for name in ("workers", "session_idle_hours", "session_days", "sign_in_tries"):
            _between(name, getattr(self, name), 1, 10_000)
        for name in ("sign_in_minutes", "sockets_per_address", "sockets_per_node", "visitors_per_minute"):
            _between(name, getattr(self, name), 1, 1_000_000)
        for origin in (*self.widget_origins, *([self.public_url] if self.public_url else [])):
            _check_origin(origin)

    @property
    def database(self) -> str:
        """The database URL with the default filled in."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.absolute() / DATABASE_FILE}"

    @property
    def secure(self) -> bool:
        """Whether browsers reach us over https, so that cookies may say Secure."""
        return self.public_url.startswith("https://")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, for `deskhand doctor` and the documentation."""

    name: str
    type: str
    default: Any
    sentence: str

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper()


def table() -> tuple[Row, ...]:
    """All settings in order."""
    hints = get_type_hints(Settings, include_extras=True)
    rows = []
    for field in dataclasses.fields(Settings):
        kind, sentence = get_args(hints[field.name])
        rows.append(Row(field.name, _TYPES[kind], field.default, sentence))
    return tuple(rows)


def load(environ: Mapping[str, str], toml_path: Path | None = None) -> Settings:
    """Read the settings; raises SettingsError. A missing file at `toml_path` counts as empty."""
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for name, raw in _from_file(toml_path).items():
        if name not in hints:
            raise SettingsError(f"{toml_path}: there is no setting called {name!r}")
        values[name] = _convert(name, hints[name], raw)
    for row in table():
        if (text := environ.get(row.variable)) is not None:
            values[row.name] = _convert(row.name, hints[row.name], text)
    return Settings(**values)


def unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Names in the environment that begin like ours and aren't: most likely typing errors."""
    known = {row.variable for row in table()}
    return tuple(sorted(name for name in environ if name.startswith(PREFIX) and name not in known))


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None or not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: can't be read as TOML ({error})") from error


def _convert(name: str, kind: Any, raw: Any) -> Any:
    try:
        return _CONVERTERS[kind](raw)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{name}: {error}") from error


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError("write a text in quotes")
    return raw.strip()


def _number(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, (int, str)):
        raise TypeError("write a whole number")
    try:
        return int(raw)
    except ValueError:
        raise ValueError("write a whole number") from None


def _list(raw: Any) -> tuple[str, ...]:
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list):
        raise TypeError("write a list of texts")
    return tuple(text for part in parts if (text := _text(part)))


_TYPES: dict[Any, str] = {
    str: "text",
    int: "whole number",
    tuple[str, ...]: "list of texts",
    Path: "folder",
}
_CONVERTERS: dict[Any, Any] = {
    str: _text,
    int: _number,
    tuple[str, ...]: _list,
    Path: lambda raw: Path(_text(raw) or "."),
}


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{name}: write one of {', '.join(allowed)}")


def _between(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name}: write a number from {low} to {high}")


def _check_origin(origin: str) -> None:
    try:
        parts = urlsplit(origin)
        strange = bool(parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        known, strange = False, True
    # It goes into a header: nothing but a scheme, a host and a port may get through.
    if strange or not known or not origin.isprintable() or set(origin) & set(" ;,'\""):
        raise SettingsError("public_url, widget_origins: write origins such as https://shop.example.com")
