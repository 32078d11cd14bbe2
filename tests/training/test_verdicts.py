"""Files of verdicts are read, and broken ones are told by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlp.slots import token
from training.verdicts import Verdict, read_verdicts

ROW = {
    "moment": "order_status-01/3",
    "turns": ["hi", "Hello! What is it about?", "order {order_id}"],
    "replies": ["I'm looking into {order_id}.", "Hello!"],
    "send": "10",
}


def write(folder: Path, *rows: object) -> Path:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    (folder / "a.jsonl").write_text(text + "\n")
    return folder


def test_each_sign_is_a_verdict_on_its_reply(tmp_path: Path) -> None:
    first, second = read_verdicts(write(tmp_path, ROW))
    order = token("order_id")
    turns = (("customer", "hi"), ("agent", "Hello! What is it about?"), ("customer", f"order {order}"))
    assert first == Verdict("order_status-01/3", turns, f"I'm looking into {order}.", True)
    assert (second.reply, second.send) == ("Hello!", False)


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        {**ROW, "send": "1"},
        {**ROW, "send": "1x"},
        {key: value for key, value in ROW.items() if key != "turns"},
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, broken: object) -> None:
    with pytest.raises(ValueError, match=r"a\.jsonl line 2"):
        list(read_verdicts(write(tmp_path, ROW, broken)))
