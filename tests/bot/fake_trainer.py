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
better = "similarity of the best of three to the true reply, 120 questions: +0.031 (+0.012 to +0.049)"
reasons = [] if passed else ["not better beyond chance"]
checks = [
    {"name": "better", "passed": passed, "said": better if passed else reasons[0]},
    {
        "name": "recitation",
        "passed": True,
        "said": "0 spans of a single conversation in 1,000 sampled replies",
    },
]
gate = {"passed": passed, "reasons": reasons, "checks": checks}
registry = Registry(given.data_dir / "models")
made = given.data_dir / "made"
made.mkdir(exist_ok=True)
(made / "note.json").write_text("{}")
facts = {"gate": gate, "champion": registry.current_name(), "conversations": len(rows), "seed": given.seed}
version = registry.publish(registry.fresh_name(), made, facts)
report = given.data_dir / "training" / "reports" / version.name
report.mkdir(parents=True)
plots = {
    "similarity": {"candidate": [0.4, 0.6, 0.9], registry.current_name(): [0.3, 0.6, 0.8]},
    "gains": {"mood negative": [0.04, 0.01, 0.07], "intent refund_status": [-0.01, -0.03, 0.02]},
    "loss": [{"step": step, "loss": 4 - step / 100} for step in range(0, 200, 50)],
}
(report / "plots.json").write_text(json.dumps(plots))
figures = {"similarity_at_1": 0.43, "similarity_at_3": 0.58}
replies = {"suggestions": figures, "retrieval_only": {**figures, "similarity_at_3": 0.49}}
facts |= {"replies": replies, "seconds": 1500}
print(json.dumps({"version": version.name, **facts, "turns": [row["turns"] for row in rows]}))
