"""A drafting process that takes orders as nlp.sidebyside does and drafts nothing: a process of its own.

    python -m tests.bot.fake_drafter BEHAVIOUR NOTE

BEHAVIOUR: "quick" answers at once, the second version nearer at some moments; "slow" drafts with the first
version and then waits until it is ended; "failing" says that the second can't be used; "dying" just ends.
The orders, and its process id, are left in the file NOTE.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

WORDS = ("It comes tomorrow", "I have asked the courier", "Could you give me [order id]?")

behaviour, note = sys.argv[1], Path(sys.argv[2])
orders = json.load(sys.stdin)
note.with_suffix(".new").write_text(json.dumps({**orders, "pid": os.getpid()}))
note.with_suffix(".new").replace(note)


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def draft(name: str, rank: int, similarity: float) -> dict[str, object]:
    text = f"{WORDS[rank]}, says {name}."
    unfilled = ["order_id"] if rank == 2 else []
    return {
        "text": text,
        "source": "reply" if rank else "generated",
        "score": 0.8 - rank / 10,
        "unfilled": unfilled,
        "similarity": similarity,
    }


for number, version in enumerate(orders["versions"]):
    say(loading=number)
    if number and behaviour == "failing":
        say(failed=f"{version['name']}: its weights can't be read")
        sys.exit(1)
    if number and behaviour == "dying":
        sys.exit(3)
    for at, _ in enumerate(orders["moments"]):
        if number and behaviour == "slow":
            time.sleep(600)
        near = 0.5 if number == 0 else 0.5 + (0.2, -0.1, 0.001)[at % 3]
        drafts = [draft(version["name"], rank, near - rank / 10) for rank in range(3)]
        say(version=number, moment=at, drafts=[] if number and at == 4 else drafts)
