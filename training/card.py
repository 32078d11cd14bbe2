"""Model cards: what was trained on what, how good it is, where it fails.

Written from the figures of one training, so that card and weights can't disagree. Knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlp.minilm import WEIGHTS_SHA256
from training.files import sha256
from training.intervals import of_share

_SETS = """
| set | licence | teaches |
|---|---|---|
| GoEmotions (Google Research) | CC BY 4.0 | sentiment |
| UCI Sentiment Labelled Sentences (amazon, yelp) | CC BY 4.0 | sentiment |
| Bitext customer support training data | CDLA-Sharing 1.0 | sentiment (neutral requests), intents, entities |
| CLINC150 | CC BY 3.0 | sentiment (neutral requests), intents, out of scope |
| banking77 (PolyAI) | CC BY 4.0 | intents |
| MultiDoGO (AWS Labs) | CDLA-Permissive 1.0 | sentiment (thanks, greetings), entities |
| Schema-Guided Dialogue (Google Research) | CC BY-SA 4.0 | entities |
| restaurant8k, NLU++ (PolyAI) | CC BY 4.0 | entities |
| WNUT-17 emerging entities | CC BY 4.0 | entities |
| presidio-research synthetic (Microsoft) | MIT; names CC BY-SA 3.0 (FakeNameGenerator.com) | entities |
| messages and the demo shop, written for this project | Apache-2.0 | all |
"""

_TOP = f"""# Reading heads

Three heads, each with low-rank changes of its own to the sentence encoder all-MiniLM-L6-v2 (Apache-2.0,
weights SHA-256 `{WEIGHTS_SHA256[:16]}…`, not included here): sentiment (negative, neutral, positive),
intents of the demo shop, and a tagger for people, companies, products, addresses, cities, countries,
other places, dates, times, amounts, discount codes, and numbers that have no fixed form. English only.

Made by `python -m training.heads --data DIR --shop bot/demo --out nlp/starter/heads --seed 17`;
`figures.json` beside this card holds every figure below, unrounded.

## Trained on
{_SETS}"""

_LIMITS = """
## Limits

- The encoder lower-cases its input; capitals reach the tagger only as a feature of each word. Sarcasm is
  caught only in part.
- Intents are those of the demo shop. Customers' messages that go about their request in a roundabout
  way are often misread ("conversation" below was written to be unlike the training messages), so the
  probability must be looked at before acting on an intent.
- Product names that are in no catalogue and companies are the weakest entity types. Never rely on the
  tagger alone for privacy.
- The synthetic rows (Bitext, presidio-research, made-up values in the demo corpus) are easier than
  people; figures on them flatter.
- Temperatures were fitted on the same held-out rows that the calibration errors are measured on, so
  those errors flatter.
- A message is read up to 256 tokens; beyond that only the recognisers look.
"""


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write README.md into the heads' folder."""
    parts = [_TOP, _sizes(folder, figures), _labels("Sentiment", figures["sentiment"])]
    parts += [_labels("Intents", figures["intents"]), _spans(figures["entities"]), _LIMITS]
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")


def _sizes(folder: Path, figures: dict[str, Any]) -> str:
    lines = ["## Size and cost", "", "| head | file, kB | rows | training, s |", "|---|---:|---:|---:|"]
    for name in ("sentiment", "intents", "entities"):
        size = (folder / f"{name}.safetensors").stat().st_size // 1000
        lines.append(f"| {name} | {size} | {figures[name]['rows']} | {figures[name]['seconds']:.0f} |")
    return "\n".join(lines) + "\n"


def _labels(title: str, figures: dict[str, Any]) -> str:
    lines = [f"## {title}, held out", "", f"Temperature {figures['temperature']:.2f}.", ""]
    lines += [
        "| source | n | accuracy | 95 % | macro F1 | calibration error |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for source, row in figures.items():
        if isinstance(row, dict):
            lines.append(
                f"| {source} | {row['n']} | {row['accuracy']:.3f} | {_range(row['accuracy'], row['n'])} "
                f"| {row['macro_f1']:.3f} "
                f"| {row['calibration_error']:.3f} |"
            )
    return "\n".join(lines) + "\n"


def _spans(figures: dict[str, Any]) -> str:
    head = ["| {} | n | precision | recall | 95 % | F1 |", "|---|---:|---:|---:|---|---:|"]
    lines = ["## Entities of the tagger alone, held out, exact spans", ""]
    for title, rows in (("type", figures["floor_0.6"]), ("source", figures["sources"])):
        lines += [head[0].format(title), head[1]]
        lines += [
            f"| {name} | {row['n']:.0f} | {row['precision']:.3f} | {row['recall']:.3f} "
            f"| {_range(row['recall'], row['n'])} | {row['f1']:.3f} |"
            for name, row in rows.items()
        ]
        lines.append("")
    return "\n".join(lines)


def _range(share: float, count: float) -> str:
    """The interval of a share of `count` cases, to three places."""
    low, high = of_share(share, round(count))
    return f"{low:.3f} to {high:.3f}"


NEWLINE = "\n"
_COLUMNS = {
    "suggestions": "what is shown",
    "retrieval_only": "plain retrieval alone",
    "matching_only": "matched retrieval alone",
    "generation_only": "generation alone",
}
_ROWS = (
    "similarity_at_1",
    "similarity_at_3",
    "rouge_l_at_1",
    "rouge_l_at_3",
    "slot_precision",
    "slot_recall",
    "repeated_4gram_rate",
    "distinct_2",
    "coverage",
)


def write_reply_card(folder: Path, facts: Mapping[str, Any]) -> None:
    """The card of a version trained on conversations, as README.md in its reply folder."""
    base, figures = facts["base"], facts["replies"]
    files = [f"- `{one['file']}`, SHA-256 `{one['sha256']}`" for one in facts["data"]]
    weights = [f"- `{path.name}` `{sha256(path)}`" for path in sorted(folder.glob("*.safetensors"))]
    low, high = figures["interval"]["similarity_at_3"]
    columns, bar = " | ".join(_COLUMNS.values()), "---|" * len(_COLUMNS)
    rows = [
        f"| {row} | " + " | ".join(f"{figures[name][row]:.3f}" for name in _COLUMNS) + " |" for row in _ROWS
    ]
    text = f"""# A Deskhand reply model

Begun from `{base["name"]}` ({base["parameters"]:,} parameters, licence: {base["licence"]}). It adapts past
replies to the conversation at hand and writes templates, whose slots Deskhand fills. It knows no facts by
itself and must not be asked for any.

## Trained on

{NEWLINE.join(files)}

{facts["conversations"]:,} conversations, {facts["lessons"]:,} replies to learn from, delexicalised.
{_left_out(facts["unread"])}The
licence of the conversations is their owner's: this card can't know it.

## The run

Seed {facts["seed"]}; {facts["matcher_steps"]:,} steps of the matcher and {facts["reply_steps"]:,} of
the reply model; {facts["seconds"] / 60:.0f} minutes on {facts["hardware"]["cores"]} cores
({facts["hardware"]["processor"]}); finished {facts["finished"]}.

## Suggestions for conversations that were set aside

{figures["n"]} replies of conversations that nothing was taught from; the score that ranks each half of them
was fitted on the other half. Similarity: cosine of plain all-MiniLM-L6-v2 vectors of suggestion and true
reply, delexicalised, the best of one or three; at 3 its 95 % interval is {low:.3f} to {high:.3f}. The true
reply is first of 10 in {figures["hit_at_1_of_10"]:.3f}, of 100 in {figures["hit_at_1_of_100"]:.3f}.

| | {columns} |
|---|{bar}
{NEWLINE.join(rows)}

{_also(facts)}{_gate(facts["champion"], facts["gate"])}
## Weights, SHA-256

{NEWLINE.join(weights)}

## Limits

- The readings (mood, entities, intents) are the starter's: English only.
{_promise(facts)}
- One reference reply stands for all good ones, so the figures are lower than people's judgement.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")


def write_own_head_card(folder: Path, head: Mapping[str, Any]) -> None:
    """Put what is known of a head taught on somebody's own texts before the rest of the heads' card."""
    figures = " | ".join(f"{name} {value}" for name, value in head["figures"].items())
    before = " | ".join(f"{name} {value}" for name, value in head["before"].items())
    text = f"""# Reading heads, {head["task"]} taught on own texts

The {head["task"]} head was taught over the encoder `{head["encoder"]}` on `{head["data"]["file"]}`, SHA-256
`{head["data"]["sha256"]}`, whose licence is its owner's: this card can't know it. {head["rows"]} texts to
learn from, seed {head["seed"]}, {head["seconds"]:.0f} s. Temperature and encoder were chosen on the texts
that the figures are from, so these flatter a little. It reads the languages of the file and of the encoder.

- on {head["held_out"]} texts held out: {figures}
- the head before, on the same texts: {before or "it has other labels"}

What follows is about the version that it began from, and holds for its other heads.

"""
    card = folder / "README.md"
    rest = card.read_text(encoding="utf-8") if card.exists() else ""
    card.write_text(text + rest, encoding="utf-8")


def _also(facts: Mapping[str, Any]) -> str:
    """What only some rounds do."""
    told = {"augmentation": _augmented, "preference": _preferred, "acceptance": _accepted}
    parts = [say(facts[name]) for name, say in told.items() if name in facts]
    return "".join(f"{part}\n\n" for part in parts)


def _augmented(found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    after, before = found["first_of_10_with"], found["first_of_10_without"]
    return f"""## In other words

A second matcher learned, for as many steps, from {found["lessons"]:,} lessons and {found["added"]:,} more
with customers' turns in other words ({found["how"]}). On {found["questions"]} questions set aside the true
reply is first of 10 in {after:.3f}, without them in {before:.3f}: {found["gain"]:+.3f}
({low:+.3f} to {high:+.3f}). The matcher {"with" if found["kept"] else "without"} them was kept."""


def _preferred(found: Mapping[str, Any]) -> str:
    head = "## What agents preferred\n\n"
    if "margin" not in found:
        return f"{head}The reply model was not tuned by preferences: {found['why']}."
    (loss, then), (margin, after) = found["loss"], found["margin"]
    kept = "It was kept." if found["kept"] else f"It was not kept: {found['why']}."
    return f"""{head}Tuned by {found["pairs"]:,} pairs of what an agent wrote and the draft that they changed
or rejected (DPO with the plain loss beside it). On {found["unseen"]} pairs set aside what was preferred leads
by {after:.2f} nats a reply, {margin:.2f} before; the loss on agents' words set aside is {then:.3f} nats a
token, {loss:.3f} before. {kept}"""


def _left_out(unread: int) -> str:
    """What there was no time for."""
    if not unread:
        return ""
    return f"For {unread:,} older conversations the minutes were too few: they were not read.\n"


def _accepted(found: Mapping[str, Any]) -> str:
    head = "## What the score promises\n\n"
    if "auc_after" not in found:
        return f"{head}It has learned nothing from what agents did with drafts: {found['why']}."
    kept = "They teach the score." if found["used"] else f"They do not teach the score: {found['why']}."
    return f"""{head}At {found["reviewed"]} moments set aside agents judged {found["drafts"]} drafts, and sent
{found["sent"]:.0%}. Scored by what other conversations taught, with those judgements and without: calibration
error {found["calibration_error_after"]:.3f} and {found["calibration_error_before"]:.3f}, log loss
{found["log_loss_after"]:.3f} and {found["log_loss_before"]:.3f}, sent before not sent in
{found["auc_after"]:.3f} and {found["auc_before"]:.3f} of pairs. {kept}"""


def _promise(facts: Mapping[str, Any]) -> str:
    if facts.get("acceptance", {}).get("used"):
        return """- The score is the chance that an agent sends a draft as it is, by what they did with
  earlier ones; drafts that were never shown are not among those."""
    return """- The score says how near a suggestion is expected to come to what an agent would write,
  learned from what agents wrote; it is no chance of being sent before agents have judged suggestions."""


def _gate(champion: str, gate: Mapping[str, Any]) -> str:
    """What the gate looked at, and what it decided."""
    verdict = "It may go live" if gate["passed"] else "It was refused, and can't be promoted"
    looked = [f"- {'passed' if one['passed'] else '**failed**'}: {one['said']}" for one in gate["checks"]]
    return f"""## Against {champion}

{verdict}. Both answered the same questions over the same memory; differences are candidate less champion with
the 95 % interval of a paired bootstrap over conversations.

{NEWLINE.join(looked)}
"""
