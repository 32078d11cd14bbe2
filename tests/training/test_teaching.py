"""The reply model learns what agents preferred where there is enough of it, and else says why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nlp.matcher import Matcher
from nlp.prompts import PromptCodec
from nlp.reading import Reader
from nlp.registry import STARTER_FOLDER, Registry
from tests.small_models import gpt2_folder
from tests.training.test_round import conversation
from training import preference
from training.bases import load_base
from training.bench import Bench, Order
from training.lessons import Shown, collect
from training.teaching import pairs_of, tune_by_preferences


@pytest.mark.slow
def test_a_round_tunes_by_preferences_from_enough_pairs_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "log.jsonl"
    rows = [conversation(number) for number in range(24)]
    for row in rows:
        row["turns"][1]["drafts"] = [{"text": "Please wait.", "outcome": "rejected"}]
        row["turns"][3]["drafts"] = [{"text": row["turns"][3]["text"], "outcome": "accepted"}]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    order, folder = Order((data,)), tmp_path / "work"
    reader, matcher = Reader.load(STARTER_FOLDER / "heads"), Matcher.load(STARTER_FOLDER / "reply")
    bench = Bench(order, folder, reader, lambda *_: None)
    taught = collect([data], reader, 17, lambda *_: None)
    base = load_base(str(gpt2_folder(tmp_path / "gpt2")), Registry(tmp_path / "models"))
    shown = Shown.of(taught.lessons, reader, matcher)
    pairs = pairs_of(shown, taught.lessons, taught.drafts, base.codec)
    assert 0 < len(pairs) < 24 and len(taught.reviewed) == 2 * (24 - len(pairs))
    assert all(read(base.codec, one.rejected) == "Please wait." for one in pairs)
    assert all("Could you send me" in read(base.codec, one.chosen) for one in pairs)
    before = torch.cat([p.detach().flatten().clone() for p in base.model.parameters()])

    def tuned() -> dict[str, object]:
        return tune_by_preferences(shown, taught, matcher, base, bench)

    few = {"pairs": len(pairs), "needed": 1000, "kept": False, "why": f"{len(pairs)} of 1,000 pairs"}
    assert tuned() == few
    assert torch.equal(before, torch.cat([p.detach().flatten() for p in base.model.parameters()]))
    pytest.importorskip("trl")
    monkeypatch.setattr(preference, "FEWEST_PAIRS", 10)
    folder.mkdir(exist_ok=True)
    (folder / "plan.json").write_text('{"preference_steps": 4}')
    found = tuned()
    assert found["kept"] and found["why"] == "" and found["unseen"] == 24 - len(pairs)
    assert found["margin"][1] > found["margin"][0]  # type: ignore[index]
    assert found["loss"][1] < found["loss"][0] + preference.MOST_RISE  # type: ignore[index]
    assert not torch.equal(before, torch.cat([p.detach().flatten() for p in base.model.parameters()]))


def read(codec: PromptCodec, ids: tuple[int, ...]) -> str:
    return codec.decode(ids[:-1])


def test_what_made_the_rest_worse_or_nothing_better_is_not_kept() -> None:
    assert preference.Effect((2.0, 2.04), (0.1, 0.9)).bad == ""
    assert "rose from 2.000 to 2.060" in preference.Effect((2.0, 2.06), (0.1, 0.9)).bad
    assert "not become likelier" in preference.Effect((2.0, 1.9), (0.1, 0.1)).bad
