"""Exports of several desks become the same conversations, and what is broken is told by its place."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.transcripts import formats, lines, records, table, uniform
from storage.transcripts.lines import BadFile
from storage.transcripts.markup import text_of
from storage.transcripts.times import moment
from storage.transcripts.transcript import Row, Transcript

PAYLOADS = Path(__file__).parent.parent / "payloads"


def read(name: str | Path, **mapped: str) -> list[Row]:
    path = PAYLOADS / name
    return list(formats.rows(path, formats.format_of(path), mapped))


def good(row: Row) -> Transcript:
    assert row.transcript is not None, row.reason
    return row.transcript


def said(transcript: Transcript) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in transcript.turns]


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("uniform.jsonl", "uniform"),
        ("broken.jsonl", "uniform"),
        ("table.csv", "table"),
        ("zendesk.jsonl", "zendesk"),
        ("zendesk.json", "zendesk"),
        ("intercom.json", "intercom"),
        ("chatwoot.json", "chatwoot"),
    ],
)
def test_the_format_is_told_by_the_file(name: str, format_name: str) -> None:
    assert formats.format_of(PAYLOADS / name) == format_name


def test_the_uniform_format_comes_back_as_it_went_out() -> None:
    for row in read("uniform.jsonl"):
        assert uniform.parse(uniform.row_of(good(row))) == row.transcript
    first = good(read("uniform.jsonl")[0])
    assert first.turns[1].at == datetime(2026, 3, 2, 9, 2, tzinfo=UTC)
    assert (first.turns[1].origin, first.turns[1].author) == ("edited", "mia")


def test_broken_lines_are_told_and_the_rest_is_read() -> None:
    rows = read("broken.jsonl")
    told = {row.place: row.reason for row in rows if row.transcript is None}
    assert told == {
        "line 2": 'every turn needs a "role" that is "customer" or "agent"',
        "line 3": "not JSON; each line must be one JSON object",
    }
    assert [row.transcript.id for row in rows if row.transcript] == ["b1", "b4", "b5"]


def test_zendesks_public_comments_are_turns_by_who_asked() -> None:
    full, described, internal = map(good, read("zendesk.jsonl"))
    assert said(full) == [
        ("customer", "My boots leak."),
        ("agent", "Sorry to hear that.\n\nSend them back & we repair them."),
    ]
    assert full.id == "301"
    assert full.meta == {
        "customer_name": "Ada Park",
        "customer_email": "ada@example.com",
        "locale": "en-GB",
        "tags": ["boots", "return"],
    }
    assert said(described) == [("customer", "Where is my parcel?")]
    assert internal.turns == ()


def test_zendesks_users_say_who_is_a_customer_wherever_the_document_lists_them() -> None:
    asked, unknown = read("zendesk.json")
    assert [role for role, _ in said(good(asked))] == ["customer", "agent", "customer"]
    assert good(asked).meta == {"customer_name": "Kari", "customer_email": "kari@example.com"}
    assert unknown.transcript is None
    assert unknown.place == "record 2" and "who wrote what" in unknown.reason


def test_intercoms_notes_stay_out_and_its_bots_are_machines() -> None:
    tent, alien, partless = read("intercom.json")
    assert said(good(tent)) == [
        ("customer", "Is the tent waterproof?"),
        ("agent", "A person will be with you soon."),
        ("agent", "Yes:\n\n- up to 3000 mm\n- seams taped"),
    ]
    assert [turn.origin for turn in good(tent).turns] == [None, "automatic", None]
    assert good(tent).turns[0].at == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert good(tent).meta["customer_email"] == "rhys@example.com" and good(tent).meta["tags"] == ["tents"]
    assert "must be one of user" in alien.reason and "conversation_parts" in partless.reason


def test_chatwoots_private_and_activity_messages_stay_out() -> None:
    charged, unknown = read("chatwoot.json")
    assert [(turn.role, turn.text, turn.origin) for turn in good(charged).turns] == [
        ("customer", "I was charged twice", None),
        ("agent", "We are away, leave your e-mail", "automatic"),
        ("agent", "The second charge goes back today.", None),
        ("agent", "Was that helpful?", "automatic"),
    ]
    assert good(charged).meta == {
        "customer_name": "Niamh",
        "customer_email": "niamh@example.com",
        "tags": ["refund"],
    }
    assert '"message_type" must be 0 incoming' in unknown.reason


def test_a_tables_rows_become_conversations() -> None:
    zips, thanks, martian, again = read("table.csv")
    assert said(good(zips)) == [("customer", "Good day; do you repair\nzips?"), ("agent", "Yes, we do.")]
    assert good(zips).meta == {"customer_name": "Zoë"}
    assert good(zips).turns[1].at == datetime(2026, 3, 1, 10, 3, tzinfo=UTC)
    assert (good(thanks).id, thanks.place) == ("8", "line 6")
    assert "who is 'Martian'? Map it: Martian=agent" in martian.reason
    assert again.place == "line 8" and "sort the table" in again.reason
    assert said(good(read("table.csv", Martian="customer")[2])) == [("customer", "Hello")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_of_a_table_are_found(tmp_path: Path, encoding: str, delimiter: str) -> None:
    lines = [("nr", "who", "words"), ("1", "customer", "Größe 38?"), ("1", "agent", "Ja – gern")]
    path = tmp_path / "table.csv.gz"
    text = "\r\n".join(delimiter.join(line) for line in lines)
    path.write_bytes(gzip.compress(text.encode(encoding)))
    rows = formats.rows(path, "table", {"conversation": "NR", "role": "who", "text": "words"})
    assert [said(good(row)) for row in rows] == [[("customer", "Größe 38?"), ("agent", "Ja – gern")]]


@pytest.mark.parametrize(
    ("content", "mapped", "told"),
    [
        ("conversation,role\n1,agent\n", {}, "which column is the text? Map it: text=COLUMN"),
        ("a,b\n", {"text": "c"}, "no column 'c' (there are: a, b)"),
        ("hello\n", {}, "no table"),
        ("", {}, "no table"),
        ('conversation,role,text\n1,agent,"never closed\n', {}, "line 2: not a table from here on"),
    ],
)
def test_a_table_that_can_not_be_read_says_why(
    tmp_path: Path, content: str, mapped: dict[str, str], told: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(BadFile) as raised:
        list(formats.rows(path, "table", mapped))
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", "", "no conversation in it"),
        ("a.jsonl", '{"x": 1}\n', r"not known \(its rows have: x\)"),
        ("a.json", '{"tickets": [{"id": 1, "comments": []}', "not JSON"),
        ("a.json", '[{"id": 1, "comments": []} {"id": 2}]', "not JSON"),
        ("a.json", "[" * 10_000, "not JSON"),
        ("none.jsonl", None, "can't be read"),
        ("a.jsonl.gz", "not gzip", "can't be read"),
    ],
)
def test_a_file_that_can_not_be_read_says_why(
    tmp_path: Path, name: str, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(BadFile, match=told):
        path = tmp_path / name
        list(formats.rows(path, formats.format_of(path), {}))


def test_a_document_is_read_piece_by_piece_whatever_its_length(tmp_path: Path) -> None:
    ticket = json.loads((PAYLOADS / "zendesk.jsonl").read_text().splitlines()[0])
    tickets = [ticket | {"id": number, "subject": "é" * number} for number in range(400)]
    for content in (tickets, {"tickets": tickets}, {"data": {"payload": tickets, "n": 1}}):
        path = tmp_path / "all.json"
        path.write_text(json.dumps(content, ensure_ascii=False))
        assert path.stat().st_size > 200_000
        assert [good(row).id for row in read(path)] == [str(number) for number in range(400)]


@pytest.mark.parametrize("looked_at", range(20, 60))
def test_a_document_in_one_endless_line_is_no_file_of_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(records, "_LONGEST", looked_at)
    tickets = [json.loads(line) for line in (PAYLOADS / "zendesk.jsonl").read_text().splitlines()]
    path = tmp_path / "one line.json"
    path.write_text(json.dumps({"tickets": tickets}))
    assert [good(row).id for row in read(path)] == ["301", "302", "303"]


def test_one_conversation_alone_is_a_document_too(tmp_path: Path) -> None:
    first = json.loads((PAYLOADS / "intercom.json").read_text())["conversations"][0]
    path = tmp_path / "one.json"
    path.write_text(json.dumps(first, indent=2))
    assert [good(row).id for row in read(path)] == ["501"]


def test_a_mapping_is_for_tables_only() -> None:
    with pytest.raises(BadFile, match="a mapping is for tables, and this is zendesk"):
        read("zendesk.jsonl", text="body")


@pytest.mark.parametrize(
    "given", ["2026-03-02T09:00:00Z", "2026-03-02T11:00:00+02:00", "2026-03-02 09:00:00 UTC", 1772442000]
)
def test_times_are_read_as_utc(given: Any) -> None:
    assert moment(given) == moment(str(1772442000000)) == datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize("given", ["yesterday", True, [], 1e30, float("nan")])
def test_what_is_no_time_is_told(given: Any) -> None:
    with pytest.raises(ValueError, match='"at" must be a time'):
        moment(given)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain &lt;b&gt; text", "plain <b> text"),
        ("<p>a<br>b</p><script>alert(1)</script><style>p{}</style>c", "a\nb\nc"),
        ("a<img src=x alt=y><br/>b <a href='https://x.example'>link</a>", "a\nb link"),
        ("<p>never closed", "never closed"),
        ("1 < 2 and <3", "1 < 2 and <3"),
    ],
)
def test_html_becomes_what_its_reader_saw(html: str, text: str) -> None:
    assert text_of(html) == text


def test_a_line_without_end_is_told_and_what_follows_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1 << 20)
    row = json.dumps({"conversation_id": "1", "turns": [{"role": "customer", "text": "Hello"}]})
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([row, "x" * (5 << 20), row, " " * (2 << 20)]))
    assert [(one.place, one.reason) for one in read(path)] == [
        ("line 1", ""),
        ("line 2", "longer than 1 MiB; each line must be one conversation"),
        ("line 3", ""),
        ("line 4", "longer than 1 MiB; each line must be one conversation"),
    ]


def test_a_table_holds_no_endless_line_and_no_endless_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "LONGEST_LINE", 1 << 20)
    monkeypatch.setattr(table, "MOST_TURNS", 3)
    path = tmp_path / "t.csv"
    path.write_text("id,role,text\n" + "1,agent,Hi\n" * 4 + "2,agent,Hi\n")
    full, short = formats.rows(path, "table", {"conversation": "id"})
    assert "line 5: this conversation has more than 3 messages" in full.reason
    assert len(good(short).turns) == 1
    path.write_text("id,role,text\n1,agent,Hi\n" + "1,agent,Hi" * (1 << 18))
    with pytest.raises(BadFile, match=r"line 2: not a table from here on \(a line longer than"):
        list(formats.rows(path, "table", {"conversation": "id"}))


def test_the_head_of_a_table_is_shown_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Nr;Wer\n" + "1;Rep\n" * 9)
    assert table.head(path, 2) == [["Nr", "Wer"], ["1", "Rep"], ["1", "Rep"]]
    assert table.columns_of(["Nr", "From", "Body"], {"conversation": "nr", "time": "when"}) == {
        "conversation": 0,
        "role": 1,
        "text": 2,
    }


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz", "a.csv.gz"])
def test_gzip_that_is_damaged_inside_is_told(tmp_path: Path, name: str) -> None:
    rows = "".join(f"1,agent,{hashlib.sha256(b'%d' % n).hexdigest()}\n" for n in range(3_000))
    whole = gzip.compress(b"id,role,text\n" + rows.encode())
    path = tmp_path / name
    path.write_bytes(whole[:60_000] + b"\xff" * 300 + whole[60_300:])
    with pytest.raises(BadFile, match="can't be read"):
        list(formats.rows(path, "table", {"conversation": "id"}) if "csv" in name else records.records(path))
