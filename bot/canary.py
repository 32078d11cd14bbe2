"""A candidate as a canary: it serves a share of the conversations, and goes back by itself where it is worse.

Which conversations is told by a hash of conversation and version: a conversation stays with its version, and
the next candidate gets other ones. What agents made of the drafts is compared with what they made of the
champion's at the same time: sent as it was or lightly edited, of all that were decided; a message for which
there was no draft counts among those. Besides, a candidate goes back whose models fail, or that is much
slower. A message on which it failed is the champion's at once. Nothing of it goes out alone before its own
reviewed drafts have shown from which score on (bot.automatic keeps that by version). Knows rows; the tests
are bot.evidence's, and when a stage begins and ends is bot.stages' business.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from bot import evidence
from bot.evidence import Arm
from storage import canary
from storage.canary import Served
from storage.database import Database
from storage.records import Stage

ENOUGH = 200
"""Decisions without harm after which a canary is ready to be promoted: where half of the champion's drafts
are taken, a fall by twelve points would have been seen by then in about four of five cases."""


def serves(stage: Stage, conversation_id: UUID) -> bool:
    """Is this one of the canary's conversations?"""
    drawn = hashlib.sha256(f"{stage.version}/{conversation_id}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") < stage.share * 2**64


@dataclass(frozen=True, slots=True)
class Side:
    """What became of the messages of one version's conversations."""

    arm: Arm
    milliseconds: Sequence[float]
    """Of the messages that it drafted for."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a canary stands beside its champion."""

    candidate: Side
    champion: Side

    def harm(self, errors: int) -> str:
        """Why it has to go back at once; empty where nothing says so."""
        ours, theirs = self.candidate.milliseconds, self.champion.milliseconds
        return evidence.too_broken(errors, len(ours)) or evidence.too_slow(ours, theirs)

    def said(self) -> str:
        """What agents made of both, for a person."""
        ours, theirs = self.candidate.arm, self.champion.arm
        if not ours.decisions or not theirs.decisions:
            return "too few decisions yet"
        return (
            f"agents took {ours.share:.0%} of its drafts ({ours.decisions:,} decisions), and "
            f"{theirs.share:.0%} of the champion's at the same time ({theirs.decisions:,})"
        )


@dataclass(frozen=True, slots=True)
class Look:
    """What a look shows: how often chance alone has a canary look so bad, and how seldom it may err."""

    chance: float
    error: float

    @property
    def worse(self) -> bool:
        """Is it worse, beyond chance?"""
        return self.chance <= self.error


async def standing(db: Database, stage: Stage) -> Standing:
    """How a canary stands, by all that agents have decided since it began."""
    async with db.read() as tx:
        ours = await canary.served(tx, stage.version, since=stage.created_at)
        others = await canary.served(tx, stage.champion, since=stage.created_at)
    # Where a canary's message was left to the champion, it is nobody's.
    control = [one for one in others if not serves(stage, one.conversation_id)]
    return Standing(_side(ours), _side(control))


def _side(found: Sequence[Served]) -> Side:
    decided: dict[UUID, list[bool]] = defaultdict(list)
    for one in found:
        if one.decided:
            decided[one.conversation_id].append(one.taken)
    arm = Arm(tuple(len(each) for each in decided.values()), tuple(sum(each) for each in decided.values()))
    return Side(arm, [one.latency_ms for one in found if one.drafted])


async def look(stage: Stage, now: Standing) -> Look | None:
    """What a look shows, if one is due."""
    if not evidence.due(now.candidate.arm.decisions, stage.looks):
        return None
    found = await asyncio.to_thread(evidence.chance, now.candidate.arm, now.champion.arm)
    return Look(found, evidence.error_at(stage.looks))
