"""A trainer that takes a round's orders as the real one does and learns nothing: a process of its own.

    python -m tests.bot.fake_trainer BEHAVIOUR --data FILE ... --status FILE --data-dir DIR --json

BEHAVIOUR: "better" and "worse" publish a version that the gate lets through or refuses; "slow" first waits
until it is ended, unless it was begun before; "broken" complains.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from pathlib import Path

from nlp.registry import Registry

parser = argparse.ArgumentParser()
parser.add_argument("behaviour")
for name in ("--data", "--status", "--data-dir"):
    parser.add_argument(name, type=Path, required=True)
for name in ("--minutes", "--seed"):
    parser.add_argument(name, type=float, required=True)
parser.add_argument("--json", action="store_true")
given = parser.parse_args()

told = {"what": "tuning the reply model", "done": 3, "total": 9, "since": "2026-11-29T02:00:00+00:00"}
given.status.write_text(json.dumps(told))
if given.behaviour == "broken":
    print("something\ndeskhand: 3 conversations with an agent's answer; 20 at least", file=sys.stderr)
    sys.exit(1)
begun = given.data_dir / "begun"
if given.behaviour == "slow" and not begun.exists():
    begun.touch()
    time.sleep(600)
with gzip.open(given.data, "rt") as lines:
    rows = [json.loads(line) for line in lines]
passed = given.behaviour != "worse"
gate = {"passed": passed, "reasons": [] if passed else ["not better beyond chance"], "checks": []}
registry = Registry(given.data_dir / "models")
made = given.data_dir / "made"
made.mkdir(exist_ok=True)
(made / "note.json").write_text("{}")
facts = {"gate": gate, "champion": registry.current_name(), "conversations": len(rows), "seed": given.seed}
version = registry.publish(registry.fresh_name(), made, facts)
print(json.dumps({"version": version.name, **facts, "turns": [row["turns"] for row in rows]}))
