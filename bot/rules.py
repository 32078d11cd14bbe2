"""The shop's own rules for what a person must answer: stored by admins, for all channels or for one.

A rule that nobody has set is the policy's own. Turns the stored row into a Policy; knows no route, and
decides nothing: bot.policy does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.hours import Hours
from bot.policy import Policy
from storage import settings_store
from storage.database import Transaction

RULES_KEY = "policy.rules"
EVERYWHERE = "default"
"""The rules of every channel that has none of its own."""
CHANNELS = (EVERYWHERE, "web", "slack")
NAMES = ("hours", "sensitive", "languages", "anger")
ALWAYS = "always"
"""Hours of a channel that is never closed, whatever the others are."""

Rules = dict[str, Any]


async def stored(tx: Transaction) -> dict[str, Rules]:
    """What admins have set, by channel; a rule that they have not set is missing."""
    kept: dict[str, Rules] = await settings_store.get_setting(tx, RULES_KEY, {})
    return kept


async def put(tx: Transaction, channel: str, rules: Mapping[str, Any]) -> list[str]:
    """Keep the rules of a channel, without those that are None; gives the names of those that changed."""
    kept = await stored(tx)
    before, now = kept.get(channel, {}), {name: rule for name, rule in rules.items() if rule is not None}
    changed = [name for name in NAMES if before.get(name) != now.get(name)]
    if changed:
        await settings_store.put_setting(tx, RULES_KEY, {**kept, channel: now})
    return changed


async def in_force(tx: Transaction, policy: Policy, channel: str | None) -> Policy:
    """The policy with the rules of this channel; of every channel where it has none or is not known."""
    kept = await stored(tx)
    return applied(policy, {**kept.get(EVERYWHERE, {}), **kept.get(channel or EVERYWHERE, {})})


def applied(policy: Policy, rules: Rules) -> Policy:
    """The policy with these rules in the place of its own."""
    changes: dict[str, Any] = {}
    if "hours" in rules:
        changes["hours"] = None if rules["hours"] == ALWAYS else Hours.of(rules["hours"])
    if "sensitive" in rules:
        changes["sensitive"] = frozenset(rules["sensitive"])
    if "languages" in rules:
        changes["served"] = frozenset(rules["languages"])
    if "anger" in rules:
        changes["anger"] = rules["anger"]
    return replace(policy, **changes) if changes else policy
