"""Preference tuning: what an agent wrote becomes likelier than the draft that they did not want.

DPO (Rafailov et al., 2023) with a term of the plain loss on what was preferred, so that its own probability
does not sink; TRL's trainer, an optional extra. The same seed gives the same weights, and a run that was
killed goes on to the same ones. A run makes a copy: the model that came in stays as it was. Knows token ids
and nothing of conversations.
"""

from __future__ import annotations

import copy
import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import GPT2LMHeadModel, PrinterCallback, TrainerCallback

from nlp.device import cores, has_bf16
from nlp.prompts import PromptCodec
from training.finetune import Example, padded, validation_loss

FEWEST_PAIRS = 1000
"""With fewer, a model learns chance; the score learns from them all the same (training.acceptance)."""
MOST_RISE = 0.05
"""Nats a token by which the loss on agents' words set aside may rise; beyond that it is not kept."""
BATCH = 16
RATES = {"whole": 2e-5, "low-rank": 1e-4}
MISSING = "the extra is not installed: pip install 'deskhand[preference]'"
_WEIGHTS = "trained.safetensors"


@dataclass(frozen=True, slots=True)
class Pair:
    """Token ids of a prompt, of the reply that was preferred, and of the one that was not."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PreferConfig:
    """Settings of one run; a step sees `pairs` pairs. `beta` holds the model near to what it was."""

    steps: int
    seed: int = 17
    learning_rate: float = RATES["whole"]
    pairs: int = BATCH
    beta: float = 0.1
    plain_loss: float = 0.5
    """Weight of the plain loss beside the preference."""
    clip: float = 1.0
    checkpoint_every: int = 20
    threads: int = 1


def why_not(pairs: int) -> str:
    """Why nothing is tuned by so many pairs; "" where it is."""
    if pairs < FEWEST_PAIRS:
        return f"{pairs:,} of {FEWEST_PAIRS:,} pairs"
    return "" if find_spec("trl") else MISSING


def prefer(
    model: GPT2LMHeadModel,
    codec: PromptCodec,
    pairs: Sequence[Pair],
    config: PreferConfig,
    *,
    checkpoint: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> GPT2LMHeadModel:
    """A copy of the model that has learned the pairs; only what requires a gradient has changed.

    `checkpoint` is a folder of this run alone: where it already holds a state, the run resumes from it.
    """
    policy, reference = copy.deepcopy(model), copy.deepcopy(model).requires_grad_(False)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    last = _last_whole(checkpoint)
    try:
        if last and last[1] >= config.steps:
            # Asked to go on with a finished run, the trainer would take one step more.
            _take(policy, load_file(last[0] / _WEIGHTS))
        else:
            with warnings.catch_warnings():
                # TRL calls what the next transformers will have renamed: nothing that a user can do.
                warnings.simplefilter("ignore")
                trainer = _trainer(policy, reference, codec, pairs, config, checkpoint, progress)
                trainer.train(resume_from_checkpoint=str(last[0]) if last else None)
    finally:
        torch.set_num_threads(threads)
        # Whatever comes next draws the same, however much of this was done before.
        torch.manual_seed(config.seed)
    made = copy.deepcopy(model)
    _take(made, _trained(policy))
    return made


def seconds_a_step(model: GPT2LMHeadModel, codec: PromptCodec, pairs: Sequence[Pair]) -> float:
    """What one step costs here: the second of two, from which nothing stays. TRL's own way is measured, since
    its output layer takes longer on a processor than ours.
    """
    ends: list[float] = []
    with TemporaryDirectory() as folder:
        prefer(
            model, codec, pairs, PreferConfig(steps=2, threads=cores()), checkpoint=Path(folder),
            progress=lambda done, total: ends.append(time.monotonic()),
        )  # fmt: skip
    return ends[1] - ends[0]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a run has changed, before and after: the loss on agents' words, and the mean margin of pairs."""

    loss: tuple[float, float]
    margin: tuple[float, float]

    @property
    def bad(self) -> str:
        """Why it is not kept; "" where it is."""
        if self.loss[1] > self.loss[0] + MOST_RISE:
            return f"the loss on agents' words set aside rose from {self.loss[0]:.3f} to {self.loss[1]:.3f}"
        if self.margin[1] <= self.margin[0]:
            return "what agents prefer has not become likelier than what they did not"
        return ""

    def told(self) -> dict[str, tuple[float, float]]:
        """For the card: before and after, in nats a token and nats a reply."""
        rows = {"loss": self.loss, "margin": self.margin}
        return {name: (round(pair[0], 4), round(pair[1], 4)) for name, pair in rows.items()}


def effect(
    before: GPT2LMHeadModel, after: GPT2LMHeadModel, held: Sequence[Example], pairs: Sequence[Pair]
) -> Effect:
    """What a run has changed on examples and pairs that it should not have seen."""
    losses = [validation_loss(model, held) for model in (before, after)]
    sides = [float(margins(model, pairs).mean()) for model in (before, after)]
    return Effect((losses[0], losses[1]), (sides[0], sides[1]))


@torch.no_grad()
def margins(model: GPT2LMHeadModel, pairs: Sequence[Pair]) -> Tensor:
    """Log-probability of what was preferred less that of what was not, in nats, (n,)."""
    model.train(False)
    sides = []
    for wanted in ("chosen", "rejected"):
        given = [(one.prompt, getattr(one, wanted)) for one in pairs]
        sides.append(
            torch.cat([_logprobs(model, given[at : at + BATCH]) for at in range(0, len(given), BATCH)])
        )
    model.train()
    return sides[0] - sides[1]


def _logprobs(model: GPT2LMHeadModel, given: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> Tensor:
    rows = [Example(before + said, (0.0,) * len(before) + (1.0,) * len(said)) for before, said in given]
    ids, weights = padded(rows)
    logits = model.lm_head(model.transformer(input_ids=ids[:, :-1]).last_hidden_state).float()
    said = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    summed: Tensor = (said * weights[:, 1:]).sum(1)
    return summed


def take(model: GPT2LMHeadModel, other: GPT2LMHeadModel) -> None:
    """Give a model the trained weights of its copy."""
    _take(model, _trained(other))


def _trained(model: torch.nn.Module) -> dict[str, Tensor]:
    return {n: value.detach().contiguous() for n, value in model.named_parameters() if value.requires_grad}


@torch.no_grad()
def _take(model: torch.nn.Module, weights: dict[str, Tensor]) -> None:
    own = dict(model.named_parameters())
    for name, value in weights.items():
        own[name].copy_(value)


def _last_whole(folder: Path) -> tuple[Path, int] | None:
    """The newest checkpoint that was written to its end, and its step; its note is written last."""
    whole: dict[int, Path] = {}
    for note in folder.glob("checkpoint-*/trainer_state.json"):
        try:
            whole[int(json.loads(note.read_text(encoding="utf-8"))["global_step"])] = note.parent
        except (ValueError, KeyError):
            continue
    return (whole[max(whole)], max(whole)) if whole else None


# --- how TRL is told ---


def _trainer(
    policy: GPT2LMHeadModel,
    reference: GPT2LMHeadModel,
    codec: PromptCodec,
    pairs: Sequence[Pair],
    config: PreferConfig,
    folder: Path,
    progress: Callable[[int, int], None],
) -> Any:
    from trl import DPOConfig

    settings = DPOConfig(
        output_dir=str(folder),
        loss_type=["sigmoid", "sft"],
        loss_weights=[1.0, config.plain_loss],
        beta=config.beta,
        max_length=None,
        pad_to_multiple_of=None,
        activation_checkpointing=False,
        max_steps=config.steps,
        per_device_train_batch_size=config.pairs,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, config.steps // 10),
        weight_decay=0.0,
        max_grad_norm=config.clip,
        seed=config.seed,
        use_cpu=True,
        bf16=has_bf16("cpu"),
        logging_steps=config.checkpoint_every,
        save_steps=config.checkpoint_every,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    rows = {
        "prompt_ids": [list(one.prompt) for one in pairs],
        "chosen_ids": [list(one.chosen) for one in pairs],
        "rejected_ids": [list(one.rejected) for one in pairs],
    }
    trainer = _kind()(
        model=policy,
        ref_model=reference,
        args=settings,
        train_dataset=Dataset.from_dict(rows),
        processing_class=codec.tokenizer,
        callbacks=[_Told(progress)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _kind() -> type[Any]:
    """TRL's trainer on our token ids; it keeps only what is trained, writes no card and calls nobody."""
    from trl import DPOTrainer

    class Preferring(DPOTrainer):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

        def _send_telemetry(self) -> None:
            pass

        def create_model_card(self, *_: Any, **__: Any) -> None:
            pass

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            folder = Path(output_dir or str(self.args.output_dir))
            folder.mkdir(parents=True, exist_ok=True)
            save_file(_trained(self.model), folder / _WEIGHTS)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            _take(self.model, load_file(Path(resume_from_checkpoint) / _WEIGHTS))

    return Preferring


class _Told(TrainerCallback):
    """Tells how far it is."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._progress(state.global_step, state.max_steps)
