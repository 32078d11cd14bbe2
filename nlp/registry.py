"""Model versions on disk: publish (manifest last), verify, which one is current, roll back.

A version is a folder with `reply/` (a GPT-2 in Hugging Face layout, its matcher and ranker), `heads/`,
`memory/` where it was trained on conversations, and `manifest.json`, which holds the SHA-256 of every
file and is written last: a folder without a valid manifest is no version. A version that is named in
`tainted.json` has learned from somebody who was erased: it may serve until another does, and is not made
current again. Knows files; knows no database and what no model means.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path

from nlp.errors import RegistryError

MANIFEST = "manifest.json"
TAINTED = "tainted.json"
STARTER = "starter"
STARTER_FOLDER = Path(__file__).parent / "starter"
_ALLOWED = frozenset([".safetensors", ".json", ".txt", ".md", ".npy"])


@dataclass(frozen=True, slots=True)
class Version:
    """One verified version; `facts` is what its maker wrote down (metrics, data, parent)."""

    name: str
    folder: Path
    facts: Mapping[str, object]

    @property
    def refused(self) -> list[str]:
        """Why the gate keeps it from going live; empty for one that it let through."""
        gate = self.facts.get("gate")
        reasons = gate.get("reasons", ()) if isinstance(gate, Mapping) else ()
        return [str(reason) for reason in reasons]

    @property
    def reply(self) -> Path:
        """The folder of the reply model and its ranker."""
        return self.folder / "reply"

    @property
    def heads(self) -> Path:
        """The folder of the reading heads."""
        return self.folder / "heads"

    @property
    def memory(self) -> Path:
        """The folder of what it remembers of the conversations that it was trained on; may be missing."""
        return self.folder / "memory"

    @property
    def parent(self) -> str | None:
        """The version that it was made from, by what its maker wrote down."""
        base = self.facts.get("base")
        named = self.facts.get("parent") or (base.get("name") if isinstance(base, Mapping) else None)
        return str(named) if named else None


def write_manifest(folder: Path, facts: Mapping[str, object]) -> None:
    """Hash every file below `folder` and write the manifest, whole or not at all.

    Raises RegistryError for a file of a kind that is never loaded (pickles above all).
    """
    files = {str(path.relative_to(folder)): _sha256(path) for path in _files(folder)}
    refused = [name for name in files if Path(name).suffix not in _ALLOWED]
    if refused:
        raise RegistryError(f"{folder.name}: files of these kinds can't be published: {', '.join(refused)}")
    write_note(folder / MANIFEST, {"files": files, "facts": dict(facts)}, indent=1)


def write_note(place: Path, value: object, indent: int | None = None) -> None:
    """Write a JSON file, whole or not at all."""
    note = place.with_name(f"{place.name}.new")
    note.write_text(json.dumps(value, indent=indent, sort_keys=True) + "\n")
    note.replace(place)


def verify(folder: Path, name: str | None = None) -> Version:
    """Check every file of a version against its manifest.

    Raises RegistryError saying which file is missing, changed or unexpected.
    """
    name = name or folder.name
    files, facts = _manifest(folder, name)
    present = {str(path.relative_to(folder)) for path in _files(folder)}
    if missing := sorted(files.keys() - present):
        raise RegistryError(f"{name}: missing {', '.join(missing)}; publish the version again")
    if extra := sorted(present - files.keys()):
        raise RegistryError(f"{name}: unexpected {', '.join(extra)}; remove what does not belong there")
    for file, wanted in files.items():
        if _sha256(folder / file) != wanted:
            raise RegistryError(f"{name}: {file} was changed or damaged; publish the version again")
    return Version(name, folder, facts)


def _manifest(folder: Path, name: str) -> tuple[dict[str, str], dict[str, object]]:
    """Digests by file, and facts."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        return manifest["files"], manifest["facts"]
    except FileNotFoundError as error:
        raise RegistryError(
            f"{name}: no {MANIFEST}; the version was never finished or has been moved"
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise RegistryError(f"{name}: {MANIFEST} can't be read; publish the version again") from error


class Registry:
    """The versions below one folder, and the starter that ships with the package."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        """The starter and every folder that has a manifest, oldest name first."""
        found = sorted(p.parent.name for p in self._root.glob(f"*/{MANIFEST}"))
        return [STARTER, *found]

    def get(self, name: str) -> Version:
        """A verified version; raises RegistryError where there is none of that name."""
        if name == STARTER:
            return verify(STARTER_FOLDER, STARTER)
        if "/" in name or name.startswith(".") or not (self._root / name).is_dir():
            raise RegistryError(f"no model version is called {name!r}; `deskhand models list` names them")
        return verify(self._root / name)

    def unverified(self, name: str) -> Version:
        """A published version by its manifest alone, for who looks at what it is and does not load it."""
        return Version(name, self._root / name, _manifest(self._root / name, name)[1])

    def memory_changed(self, name: str) -> None:
        """Take the files of a version's memory into its manifest as they are now, and no others."""
        version = self.unverified(name)
        files = {
            file: sha for file, sha in _manifest(version.folder, name)[0].items() if not _remembers(file)
        }
        present = (str(path.relative_to(version.folder)) for path in _files(version.folder))
        files |= {file: _sha256(version.folder / file) for file in present if _remembers(file)}
        write_note(version.folder / MANIFEST, {"files": files, "facts": dict(version.facts)}, indent=1)

    def current(self) -> Version:
        """The version that should be served; the starter until another was promoted."""
        return self.get(self._pointer()[-1])

    def current_name(self) -> str:
        """The name of the version that should be served."""
        return self._pointer()[-1]

    def promotable(self, name: str) -> Version:
        """A verified version that may be made current.

        Raises RegistryError, also for a version that the gate has refused, and for a tainted one.
        """
        version = self.get(name)
        if version.refused:
            raise RegistryError(f"{name} was refused and can't be promoted: {'; '.join(version.refused)}")
        if name in self.tainted():
            raise RegistryError(
                f"{name} has learned from a customer who was erased since; train a new version"
            )
        return version

    def promote(self, name: str) -> Version:
        """Make a promotable version current; the pointer changes in one rename. Raises RegistryError."""
        version = self.promotable(name)
        self._point([*self._pointer(), name])
        return version

    def previous(self) -> str:
        """The version that a roll-back leads to, passing over tainted ones; raises RegistryError."""
        return self._before()[-1]

    def rollback(self) -> Version:
        """Make the version before the current one current again, passing over tainted ones."""
        history = self._before()
        version = self.get(history[-1])
        self._point(history)
        return version

    def _before(self) -> list[str]:
        tainted = self.tainted()
        history = [name for name in self._pointer()[:-1] if name not in tainted]
        if not history:
            raise RegistryError("there is no earlier version to roll back to")
        return history

    def tainted(self) -> frozenset[str]:
        """Versions that have learned from somebody who was erased."""
        try:
            return frozenset(json.loads((self._root / TAINTED).read_text()))
        except FileNotFoundError:
            return frozenset()
        except json.JSONDecodeError as error:
            raise RegistryError("models/tainted.json can't be read; put it back from a backup") from error

    def taint(self, names: Collection[str]) -> None:
        """Keep these versions from being made current from now on; the starter never is one."""
        tainted = self.tainted() | set(names)
        if tainted != self.tainted():
            self._write(TAINTED, sorted(tainted))

    def publish(self, name: str, made: Path, facts: Mapping[str, object]) -> Version:
        """Copy a finished folder in as a version: files first, manifest last, then one rename."""
        target = self._root / name
        if name == STARTER or target.exists():
            raise RegistryError(f"a version called {name!r} exists already")
        self._root.mkdir(parents=True, exist_ok=True)
        staging = self._root / f".{name}.new"
        shutil.rmtree(staging, ignore_errors=True)
        shutil.copytree(made, staging)
        write_manifest(staging, facts)
        staging.replace(target)
        return verify(target)

    def fresh_name(self) -> str:
        """A name that no version has: today's date and the next number."""
        today = date.today().isoformat()
        taken = self.names()
        return next(name for at in count(1) if (name := f"{today}-{at}") not in taken)

    def _pointer(self) -> list[str]:
        try:
            history: list[str] = json.loads((self._root / "current.json").read_text())["history"]
        except FileNotFoundError:
            return [STARTER]
        except (json.JSONDecodeError, KeyError) as error:
            raise RegistryError("models/current.json can't be read; promote a version again") from error
        return history or [STARTER]

    def _point(self, history: list[str]) -> None:
        self._write("current.json", {"history": history[-20:]})

    def _write(self, name: str, value: object) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        write_note(self._root / name, value)


def _remembers(file: str) -> bool:
    return file.startswith("memory/")


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder) != Path(MANIFEST) and path.name != f"{MANIFEST}.new":
            yield path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
