"""The uniform format of conversations, in and out: one JSON object a line.

{"conversation_id", "turns": [{"role": "customer"|"agent", "text", "at"?, "origin"?, "author"?}], "meta"?}
An agent's turn may have "drafts", which lay before them:
[{"text", "outcome": "accepted"|"edited"|"rejected"|"ignored"}].
Knows no file and no database.
"""

from __future__ import annotations

from typing import Any

from storage.transcripts.lines import Raw, kind_of, string
from storage.transcripts.times import moment
from storage.transcripts.transcript import Drafted, Said, Transcript


def parse(raw: Raw) -> Transcript:
    """The conversation of a row; raises ValueError with what is wrong with it."""
    turns = raw.get("turns")
    if not isinstance(turns, list) or not turns:
        raise ValueError('"turns" must be a list of {"role", "text"}, with one at least')
    meta = raw.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError(f'"meta" must be an object, not {kind_of(meta)}')
    return Transcript(string(raw, "conversation_id"), tuple(map(_turn, turns)), meta)


def _turn(raw: Any) -> Said:
    if not isinstance(raw, dict) or raw.get("role") not in ("customer", "agent"):
        raise ValueError('every turn needs a "role" that is "customer" or "agent"')
    known = {key: value for key in ("origin", "author") if isinstance(value := raw.get(key), str)}
    drafts = _drafts(raw.get("drafts"))
    return Said(raw["role"], string(raw, "text"), moment(raw.get("at")), **known, drafts=drafts)


def _drafts(raw: Any) -> tuple[Drafted, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list) or not all(map(_is_draft, raw)):
        raise ValueError('"drafts" of a turn must be a list of {"text", "outcome"}, or be left out')
    return tuple(Drafted(one["text"], one["outcome"]) for one in raw)


def _is_draft(raw: Any) -> bool:
    return isinstance(raw, dict) and isinstance(raw.get("text"), str) and isinstance(raw.get("outcome"), str)


def row_of(transcript: Transcript) -> Raw:
    """The row that `parse` reads; what is not known is left out."""
    row: Raw = {"conversation_id": transcript.id, "turns": [_row_of_turn(one) for one in transcript.turns]}
    return row | ({"meta": dict(transcript.meta)} if transcript.meta else {})


def _row_of_turn(turn: Said) -> Raw:
    row: Raw = {"role": turn.role, "text": turn.text}
    if turn.at is not None:
        row["at"] = turn.at.isoformat()
    known = {"origin": turn.origin, "author": turn.author}
    row |= {key: value for key, value in known.items() if value is not None}
    drafts = [{"text": one.text, "outcome": one.outcome} for one in turn.drafts]
    return row | ({"drafts": drafts} if drafts else {})
