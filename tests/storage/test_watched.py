"""A file under watch tells how far it is read, stops, and unpacks only so far."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from storage.transcripts import formats
from storage.transcripts.lines import BadFile
from storage.transcripts.watched import Stopped, Watched

ROW = json.dumps({"conversation_id": "1", "turns": [{"role": "customer", "text": "Hello " * 200}]}) + "\n"


@pytest.mark.parametrize("packed", [False, True])
def test_it_is_read_under_its_name_whether_packed_or_not(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "0198c0de"
    content = (ROW * 500).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    file = Watched(path, "chats.jsonl.gz" if packed else "chats.jsonl", most=1 << 30)
    assert formats.format_of(file) == "uniform"
    assert len(list(formats.rows(file, "uniform", {}))) == 500
    assert file.read == path.stat().st_size


def test_a_table_is_read_from_its_start_more_than_once(tmp_path: Path) -> None:
    path = tmp_path / "0198c0de"
    path.write_bytes(gzip.compress(b"id,role,text\n" + b"1,agent,Hello\n" * 9_000))
    file = Watched(path, "chats.csv.gz", most=200_000)
    (row,) = formats.rows(file, "table", {"conversation": "id"})
    assert row.transcript is not None and len(row.transcript.turns) == 9_000


def test_it_stops_in_the_middle_of_a_reading(tmp_path: Path) -> None:
    path = tmp_path / "0198c0de"
    path.write_text(ROW * 500)
    file = Watched(path, "chats.jsonl", most=1 << 30)
    rows = formats.rows(file, "uniform", {})
    assert next(rows).transcript is not None
    file.stop()
    with pytest.raises(Stopped):
        list(rows)


def test_it_unpacks_so_far_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "0198c0de"
    path.write_bytes(gzip.compress(ROW.encode() + b"\n" * (4 << 20)))
    file = Watched(path, "chats.jsonl", most=2 << 20)
    with pytest.raises(BadFile, match=r"chats\.jsonl: can't be read .*unpacks to more than 2 MiB"):
        list(formats.rows(file, "uniform", {}))


def test_a_file_that_is_not_there_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"chats\.jsonl: can't be read"):
        formats.format_of(Watched(tmp_path / "none", "chats.jsonl", most=1))
