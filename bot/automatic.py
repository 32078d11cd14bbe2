"""Automatic replies: when they may begin, and when they stop by themselves, by what the ledger says.

Nothing goes out alone until an admin has chosen a tolerated error rate and a score was found from which
a version's reviewed drafts keep it (bot/risk.py). The floor is kept by version. A new version has none:
it waits, and is looked at now and then as its drafts are reviewed, until it has one. Where reviews say
that the tolerated rate no longer holds at a floor, that version stops, with the reason, and only an admin
lets it begin again. Every function works inside a transaction; what it changes is in the audit log.
Knows no route, no page and no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from bot.casefile import FLOORS_KEY, MODE_KEY, TOLERATED_KEY, policy_in_force
from bot.messages import PolicyMode
from bot.policy import Policy
from bot.risk import MOST, Finding, Labels, Point, Reviewed
from storage import audit, reviews, settings_store
from storage.database import Transaction
from storage.errors import Conflict
from storage.records import Account, Verdict

LOOK_EVERY = 10
"""A waiting version is looked at again after so many more reviewed drafts: who looks often gets lucky."""
TRAFFIC = 1_000
"""Newest messages from whose drafts the share is told that would be answered alone."""
VERSIONS_KEPT = 20
"""Versions whose floor is remembered, so that one that is rolled back to goes on as it was."""

State = Literal["off", "waiting", "on", "stopped"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A version's automatic replies have begun (`on`) or stopped, and why."""

    version: str
    on: bool
    why: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand with the automatic replies of the serving version."""

    mode: PolicyMode
    tolerated: int | None
    """Per cent, as an admin has chosen."""
    version: str | None
    """None while the models are loading."""
    labels: Labels
    state: State
    floor: float | None
    """Score from which drafts go out alone, while the state is "on"."""
    why: str
    """Why nothing goes out alone although the mode is automatic; else empty."""


async def standing(tx: Transaction, default: Policy, version: str | None) -> Standing:
    """How things stand; writes nothing."""
    mode = (await policy_in_force(tx, default)).mode
    tolerated: int | None = await settings_store.get_setting(tx, TOLERATED_KEY)
    labels = Labels([]) if version is None else await labels_of(tx, version)
    kept = None if version is None else _fitted(await _floors(tx), version, tolerated)
    state: State = "off"
    if mode == "automatic":
        state = "waiting" if kept is None else "stopped" if kept["floor"] is None else "on"
    why = ""
    if state == "stopped" and kept is not None:
        why = str(kept["why"])
    elif state == "waiting":
        why = waits_for(labels, version, tolerated)
    floor = float(kept["floor"]) if kept is not None and state == "on" else None
    return Standing(mode, tolerated, version, labels, state, floor, why)


async def labels_of(tx: Transaction, version: str) -> Labels:
    """What is known of a version's drafts."""
    found = await reviews.reviewed_drafts(tx, version, limit=MOST)
    scores = await reviews.first_scores(tx, version, limit=TRAFFIC)
    return Labels([Reviewed(one.score, one.acceptable) for one in found], scores)


async def choose(
    tx: Transaction, account: Account, mode: PolicyMode, tolerated: int | None, version: str | None
) -> None:
    """An admin chooses the mode and the tolerated rate; a floor is found from all reviews there are now.

    Raises Conflict, which says what is missing, where automatic replies can't begin.
    """
    if mode == "automatic":
        finding = await _found(tx, tolerated, version)
        if finding.chosen is None:
            raise Conflict(waits_for(await labels_of(tx, str(version)), version, tolerated))
        await _keep(tx, str(version), int(tolerated or 0), finding.chosen.threshold, "")
    await settings_store.put_setting(tx, MODE_KEY, mode)
    await settings_store.put_setting(tx, TOLERATED_KEY, tolerated)
    await audit.append(
        tx,
        actor_id=account.id,
        actor=account.email,
        action="policy_set",
        subject="policy",
        details={"mode": mode} | ({} if tolerated is None else {"tolerated_percent": tolerated}),
    )


async def _found(tx: Transaction, tolerated: int | None, version: str | None) -> Finding:
    if version is None or tolerated is None:
        raise Conflict(waits_for(Labels([]), version, tolerated))
    return (await labels_of(tx, version)).assess(tolerated / 100)


async def judge(
    tx: Transaction, default: Policy, suggestion_id: UUID, verdict: Verdict | None, account: Account
) -> Turn | None:
    """A person's verdict on a reply that went out alone, and what follows; raises NotFound."""
    judged = await reviews.judge(tx, suggestion_id, verdict, account.id)
    await audit.append(
        tx,
        actor_id=account.id,
        actor=account.email,
        action="automatic_reviewed",
        subject=f"suggestion:{suggestion_id}",
        details={"verdict": verdict or "none"},
    )
    return await look(tx, default, judged.model_version)


async def look(tx: Transaction, default: Policy, version: str | None) -> Turn | None:
    """A draft of this version was reviewed: does it begin, or have to stop? None: all stays as it is."""
    if version is None or (await policy_in_force(tx, default)).mode != "automatic":
        return None
    tolerated: int | None = await settings_store.get_setting(tx, TOLERATED_KEY)
    if tolerated is None:
        return None
    kept = _fitted(await _floors(tx), version, tolerated)
    if kept is None:
        return await _begin(tx, version, tolerated)
    if kept["floor"] is None:
        return None
    point = (await labels_of(tx, version)).at(float(kept["floor"]))
    if point.bound <= tolerated / 100:
        return None
    return await _turn(tx, Turn(version, False, broken(point, tolerated)), tolerated, None)


async def _begin(tx: Transaction, version: str, tolerated: int) -> Turn | None:
    labels = await labels_of(tx, version)
    if len(labels) % LOOK_EVERY:
        return None
    point = labels.assess(tolerated / 100).chosen
    if point is None:
        return None
    why = f"{len(labels)} drafts of {version} are reviewed: {promise(point, tolerated)}"
    return await _turn(tx, Turn(version, True, why), tolerated, point.threshold)


async def _turn(tx: Transaction, turn: Turn, tolerated: int, floor: float | None) -> Turn:
    await _keep(tx, turn.version, tolerated, floor, turn.why)
    await audit.append(
        tx,
        actor_id=None,
        actor="Deskhand",
        action="automatic_begun" if turn.on else "automatic_stopped",
        subject=f"model:{turn.version}"[:200],
        details={"why": turn.why, "tolerated_percent": tolerated},
    )
    return turn


# What is kept by version.


async def _floors(tx: Transaction) -> dict[str, Any]:
    kept: dict[str, Any] = await settings_store.get_setting(tx, FLOORS_KEY, {})
    return kept


def _fitted(floors: Mapping[str, Any], version: str, tolerated: int | None) -> Mapping[str, Any] | None:
    """What is kept of a version, unless it was fitted for another tolerated rate."""
    kept: Mapping[str, Any] | None = floors.get(version)
    return kept if kept is not None and kept["tolerated"] == tolerated else None


async def _keep(tx: Transaction, version: str, tolerated: int, floor: float | None, why: str) -> None:
    row = {"tolerated": tolerated, "floor": floor, "why": why, "at": datetime.now(UTC).isoformat()}
    floors = {**await _floors(tx), version: row}
    newest = sorted(floors, key=lambda name: str(floors[name]["at"]))[-VERSIONS_KEPT:]
    await settings_store.put_setting(tx, FLOORS_KEY, {name: floors[name] for name in newest})


# The same in words.


def waits_for(labels: Labels, version: str | None, tolerated: int | None) -> str:
    """What is missing before a version may answer alone, as one or two sentences."""
    if version is None:
        return "The models are still loading."
    if tolerated is None:
        return "Choose first how many wrong replies you would tolerate."
    finding = labels.assess(tolerated / 100)
    more = f"{finding.missing} more reviewed suggestion{'' if finding.missing == 1 else 's'}"
    verb = "is" if finding.missing == 1 else "are"
    if finding.chosen is not None:
        return f"The next {LOOK_EVERY} reviewed suggestions of {version} decide."
    if finding.strictest is None:
        return (
            f"{more} {verb} needed before {version} may answer alone at {tolerated} % tolerated: "
            f"it has {len(labels)}, and every model version needs its own."
        )
    best = finding.strictest
    return (
        f"At least {more} {verb} needed before {version} may answer alone at {tolerated} % tolerated: "
        f"of its {best.reviewed} best-scored ones, {best.errors} could not have gone out as "
        f"{'it was' if best.errors == 1 else 'they were'}."
    )


def promise(point: Point, tolerated: int) -> str:
    """What a floor stands for."""
    return (
        f"at most {tolerated} % of those that score {point.threshold:.2f} or more are wrong "
        f"(seen: {point.errors} of {point.reviewed})."
    )


def broken(point: Point, tolerated: int) -> str:
    """Why a floor does not hold any more."""
    return (
        f"Of {point.reviewed} reviewed replies that score {point.threshold:.2f} or more, {point.errors} "
        f"{'was' if point.errors == 1 else 'were'} wrong. The share may be as high as "
        f"{point.bound:.1%}, and {tolerated} % is tolerated."
    )
