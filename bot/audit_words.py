"""Entries of the audit log in words: what was done, to what, and the details as a person would say them.

Knows the actions that are written today and says others by their own name. Pure: values in, text out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage.records import AuditEntry

_SAID = {
    "account_added": "added the account {subject}",
    "account_disabled": "disabled the account {subject}",
    "account_enabled": "enabled the account {subject}",
    "account_role_changed": "changed the role of {subject}",
    "password_reset": "gave {subject} a new password",
    "password_changed": "changed the own password",
    "signed_in": "signed in",
    "canned_added": "added a prepared reply",
    "canned_changed": "rewrote a prepared reply",
    "canned_removed": "removed a prepared reply",
    "article_added": "added a help article",
    "article_changed": "rewrote a help article",
    "article_removed": "removed a help article",
    "article_approved": "published a drafted help article",
    "article_dismissed": "dismissed a drafted help article",
    "intent_named": "named an intent",
    "intent_removed": "removed a named intent",
    "policy_set": "set how far Deskhand goes by itself",
    "rules_set": "set the rules for {subject}",
    "automatic_begun": "began to send replies of {subject} by itself",
    "automatic_stopped": "stopped to send replies of {subject} by itself",
    "automatic_reviewed": "judged an automatic reply",
    "training_requested": "asked for a round of training",
    "training_cancelled": "cancelled a round of training",
    "training_scheduled": "set when rounds of training begin",
    "model_published": "published the model version {subject}",
    "model_refused": "refused the model version {subject}",
    "model_promoted": "let the model version {subject} answer customers",
    "model_rolled_back": "went back to the model version {subject}",
    "customer_erased": "erased a customer",
    "import_begun": "began an import of conversations",
    "import_ended": "ended an import of conversations",
}
_NAMES = {"tolerated_percent": "wrong replies tolerated, in 100", "why": "because"}
_ERASED = {
    "drafts_of_others": "drafts of others that had cited them",
    "tainted": "versions that had learned from them",
    "run": "round of training",
    "again": "finished an earlier erasure",
}
_VALUES = {"draft": "suggestions for agents", "automatic": "automatic replies", "off": "nothing"}
_LONGEST = 400
"""Characters of details that are shown; all of them are in the export."""


def sentence(entry: AuditEntry, people: Mapping[str, str]) -> str:
    """What the actor did, to go behind their name; `people` are e-mail addresses by account id."""
    kind, _, rest = entry.subject.partition(":")
    rest = {"default": "all channels", "web": "the web widget", "slack": "Slack"}.get(rest, rest)
    subject = people.get(rest, "one that is gone") if kind == "account" else rest or entry.subject
    known = _SAID.get(entry.action)
    if known is not None:
        return known.format(subject=subject)
    return f"{_spaced(entry.action)}: {_spaced(kind)} {rest}".strip().removesuffix(":")


def details(entry: AuditEntry) -> str:
    """The details, one after the other: "role: agent; before: viewer"; empty where there are none."""
    names = _NAMES | (_ERASED if entry.action == "customer_erased" else {})
    said = "; ".join(
        f"{names.get(name, _spaced(name))}: {text}"
        for name, value in entry.details.items()
        if (text := _text(value, name))
    )
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"


def _text(value: Any, name: str = "") -> str:
    if value is None or value == "" or value == [] or value == {}:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_spaced(str(key))} {text}" for key, one in value.items() if (text := _text(one)))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(text for one in value if (text := _text(one)))
    return _VALUES.get(str(value), str(value)) if name == "mode" else str(value)


def _spaced(name: str) -> str:
    return name.replace("_", " ")
