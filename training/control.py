"""The control of the privacy test: what a base shows that has learned secrets as they were written.

It says whether the test can see anything, and something of the base only: neither of the conversations nor of
the version. So it is measured once for each base and kept; that of the starter comes with the package.

    python -m training.control        measure the starter's anew
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path

from nlp.device import cores, frugal
from nlp.registry import STARTER, Registry
from training import exposure
from training.bases import Base, load_base
from training.canaries import plant
from training.progress import Progress

SEED = 17
"""Of the secrets and of the training: the same whatever the round's."""
SHIPPED = Path(__file__).parent / "controls"
FOLDER = "controls"


def kept(base: Base, work: Path, progress: Progress) -> list[float]:
    """Exposures in bits of the repeated secrets, from the package, from `work`, or measured now.

    Measuring changes `base`.
    """
    name = f"{weights_of(base)}.json"
    places = [SHIPPED / name, work / FOLDER / name]
    note = next((place for place in places if place.exists()), None)
    if note is None:
        note = places[-1]
        found = measured(base, progress)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(found))
    known: list[float] = json.loads(note.read_text())
    return known


def measured(base: Base, progress: Progress) -> list[float]:
    """Train the base on planted secrets as they were written, and rank them."""
    with tempfile.TemporaryDirectory() as folder:
        return exposure.control(
            base, plant((), SEED), Path(folder), seed=SEED, threads=cores(), progress=progress
        )


def weights_of(base: Base) -> str:
    """A digest of a base's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(base.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def main() -> int:
    """Measure the starter's control and put it into the package."""
    frugal()
    with tempfile.TemporaryDirectory() as folder:
        base = load_base(STARTER, Registry(Path(folder)), seed=SEED)
    place = SHIPPED / f"{weights_of(base)}.json"
    place.parent.mkdir(exist_ok=True)
    found = measured(base, lambda what, done, total: print(f"{what}: {done} of {total}", file=sys.stderr))
    place.write_text(json.dumps([round(one, 3) for one in found]) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
