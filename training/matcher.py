"""Train the matcher: the sentence encoder learns, by low-rank changes, which reply answers what.

Two kinds of lessons, a batch of one kind after another. True replies: each conversation of a batch must find
its own reply among those of the whole batch, and each reply its conversation (in-batch negatives). Verdicts:
one candidate that people would send must be nearer to its moment than one they would not, and than those of
other moments. Sentence-transformers trains; this module says on what. Knows templates and token ids; knows no
index and no pipeline.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict
from safetensors.torch import load_file, save_file
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.base.modules import InputModule
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from nlp.batches import padded
from nlp.context import Turns
from nlp.device import has_bf16
from nlp.matcher import CONVERSATION, FILE, REPLY, MatchCodec, MatchModel, read_changes
from nlp.minilm import load_tokenizer
from nlp.quiet import quiet
from nlp.tuned import TunedEncoder
from training.lowrank import begin_with, changes_of, make_trainable

log = logging.getLogger(__name__)

Row = dict[str, float]
RANK = 16
"""Of the changes to the encoder."""
SCALE = 20.0
"""What cosines are multiplied by before the softmax."""
VERDICTS = "verdicts"
"""The name of the data set that people's verdicts are; the others are courses."""
_ASKED, _GIVEN, _OTHER, _GROUP = "conversation", "reply", "other", "label"
_CHANGES = "changes.safetensors"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A moment and its true reply; lessons of one `group` are never each other's wrong answers."""

    turns: Turns
    reply: str
    group: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A moment and the candidates that people judged for it; some were sendable and some not."""

    turns: Turns
    replies: tuple[str, ...]
    send: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class MatchConfig:
    """Settings of one run; a step sees `lessons` true pairs, or as many verdicts."""

    steps: int
    seed: int = 17
    learning_rate: float = 1e-3
    final_rate: float = 5e-5
    warmup_steps: int = 20
    weight_decay: float = 0.01
    lessons: int = 64
    clip: float = 1.0
    checkpoint_every: int = 40
    threads: int = 1


def new_matcher(seed: int, begin: Path | None = None) -> tuple[MatchModel, MatchCodec]:
    """A matcher whose low-rank changes are all that can be trained: none yet, or those of a folder.

    Raises ModelError where the folder's can't be read.
    """
    torch.manual_seed(seed)
    model = MatchModel()
    make_trainable(model.encoder, RANK)
    if begin is not None:
        begin_with(model.encoder, read_changes(begin))
    return model, MatchCodec(load_tokenizer())


def fit_matcher(
    model: MatchModel,
    codec: MatchCodec,
    courses: Sequence[Sequence[Lesson]],
    judged: Sequence[Judged],
    config: MatchConfig,
    *,
    checkpoint: Path,
    validation: Sequence[Lesson] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Row]:
    """Train in place; return the log rows. `checkpoint` is a folder of this run alone, resumed from.

    The steps take a batch of one course each, in turn, and then one of the verdicts, where there are any: the
    replies of another shop would be wrong answers that are told by their subject alone.
    """
    last = _last_whole(checkpoint)
    if last and last[1]["global_step"] >= config.steps:
        # Asked to go on with a finished run, the trainer would take one step more.
        begin_with(model.encoder, load_file(last[0] / _CHANGES))
        return _rows(last[1]["log_history"])
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    quiet()
    module = SentenceTransformer(modules=[Reading(model)], device="cpu")
    given = {f"course {at}": _pairs(course, codec) for at, course in enumerate(courses)}
    losses: dict[str, torch.nn.Module] = {name: _either_way(module) for name in given}
    if judged:
        given[VERDICTS] = _verdicts(judged, codec)
        losses[VERDICTS] = MultipleNegativesRankingLoss(module, scale=SCALE)
    trainer = _Trainer(
        model=module,
        args=_arguments(config, checkpoint, evaluates=bool(validation)),
        train_dataset=DatasetDict(given),
        loss=losses,
        evaluator=_FoundFirst(model, codec, validation) if validation else None,
        callbacks=[_Told(progress)],
    )
    trainer.remove_callback(PrinterCallback)
    try:
        trainer.train(resume_from_checkpoint=str(last[0]) if last else None)
    finally:
        torch.set_num_threads(threads)
    return _rows(trainer.state.log_history)


def save_matcher(model: MatchModel, folder: Path) -> None:
    """Write `matcher.safetensors`: the low-rank changes, in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.half().contiguous() for name, value in changes_of(model.encoder).items()}
    save_file(tensors, folder / FILE)


@torch.no_grad()
def found_first(model: MatchModel, codec: MatchCodec, lessons: Sequence[Lesson]) -> float:
    """How often a conversation is nearest to its own reply among the replies of all `lessons`."""
    training = model.training
    model.train(False)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bf16("cpu")):
        asked = model([codec.conversation(one.turns) for one in lessons], CONVERSATION)
        given = model([codec.reply(one.reply) for one in lessons], REPLY)
    model.train(training)
    nearest = (asked @ given.T).argmax(1)
    return float((nearest == torch.arange(len(lessons))).float().mean())


def try_step(model: MatchModel, codec: MatchCodec, lessons: Sequence[Lesson]) -> None:
    """The two passes of a step over these lessons, from which nothing is learned: to see what one takes."""
    reading, rows = Reading(model), _pairs(lessons, codec)
    loss = _either_way(SentenceTransformer(modules=[reading], device="cpu"))
    loss([reading.preprocess(rows[side]) for side in (_ASKED, _GIVEN)], torch.zeros(len(rows))).backward()
    model.zero_grad(set_to_none=True)


# --- what it is shown ---


def _pairs(lessons: Sequence[Lesson], codec: MatchCodec) -> Dataset:
    numbers: dict[str, int] = {}
    return Dataset.from_dict(
        {
            _GROUP: [numbers.setdefault(one.group, len(numbers)) for one in lessons],
            _ASKED: [[CONVERSATION, *codec.conversation(one.turns)] for one in lessons],
            _GIVEN: [[REPLY, *codec.reply(one.reply)] for one in lessons],
        }
    )


def _verdicts(judged: Sequence[Judged], codec: MatchCodec) -> Dataset:
    """Each moment with each of its candidates: a sendable one before one that is not, repeated as needed."""
    rows = [(number, one.turns, *pair) for number, one in enumerate(judged) for pair in _paired(one)]
    return Dataset.from_dict(
        {
            _GROUP: [number for number, *_ in rows],
            _ASKED: [[CONVERSATION, *codec.conversation(turns)] for _, turns, _, _ in rows],
            _GIVEN: [[REPLY, *codec.reply(sendable)] for *_, sendable, _ in rows],
            _OTHER: [[REPLY, *codec.reply(other)] for *_, other in rows],
        }
    )


def _paired(one: Judged) -> list[tuple[str, str]]:
    sides = [
        [r for r, send in zip(one.replies, one.send, strict=True) if send is wanted]
        for wanted in (True, False)
    ]
    return list(islice(zip(cycle(sides[0]), cycle(sides[1])), max(map(len, sides))))


class Apart(DefaultBatchSampler):
    """Batches without two rows of one conversation or with one reply: each is a wrong answer to the others.

    As many batches as the rows would fill. Where no full one is to be had any more, all rows are shuffled
    anew; one is smaller only where there are not enough conversations for it.
    """

    def __init__(self, dataset: Dataset, **settings: Any) -> None:
        super().__init__(dataset, **settings)
        self._kin = list(zip(dataset[_GROUP], map(tuple, dataset[_GIVEN]), strict=True))

    def __len__(self) -> int:
        return max(1, len(self._kin) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        random = torch.Generator().manual_seed(self.seed + self.epoch)
        left: dict[int, None] = {}
        for _ in range(len(self)):
            batch = self._some(left)
            if len(batch) < self.batch_size:
                left = dict.fromkeys(torch.randperm(len(self._kin), generator=random).tolist())
                batch = self._some(left)
            for at in batch:
                del left[at]
            yield batch

    def _some(self, left: Mapping[int, None]) -> list[int]:
        batch: list[int] = []
        seen: set[object] = set()
        for at in left:
            if seen.isdisjoint(self._kin[at]):
                batch.append(at)
                seen.update(self._kin[at])
            if len(batch) == self.batch_size:
                break
        return batch


# --- how sentence-transformers is told ---


class Reading(InputModule):
    """The matcher as a module of sentence-transformers; a text is its kind and then its token ids."""

    def __init__(self, model: MatchModel) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model = model

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **_: Any) -> dict[str, Tensor]:
        ids, mask = padded([row[1:] for row in inputs])
        return {"input_ids": ids, "attention_mask": mask, "kind": torch.tensor([row[0] for row in inputs])}

    def forward(self, features: dict[str, Tensor], **_: Any) -> dict[str, Tensor]:
        lengths = features["attention_mask"].sum(1).tolist()
        rows = [ids[:length].tolist() for ids, length in zip(features["input_ids"], lengths, strict=True)]
        features["sentence_embedding"] = self.model(rows, int(features["kind"][0]))
        return features

    def get_embedding_dimension(self) -> int:
        return self.model.encoder.width

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("checkpoints keep the changes only")


class _Trainer(SentenceTransformerTrainer):
    """Keeps only the changes in its checkpoints, a thirtieth of the encoder; writes no card: we have ours."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        pass

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        save_file(changes_of(self._encoder), folder / _CHANGES)

    def _load_from_checkpoint(self, checkpoint_path: str, model: Any = None) -> None:
        begin_with(self._encoder, load_file(Path(checkpoint_path) / _CHANGES))

    @property
    def _encoder(self) -> TunedEncoder:
        reading: Any = self.model[0]
        encoder: TunedEncoder = reading.model.encoder
        return encoder


class _FoundFirst(BaseEvaluator):
    def __init__(self, model: MatchModel, codec: MatchCodec, lessons: Sequence[Lesson]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._asked = (model, codec, lessons)

    def __call__(self, *_: Any, **__: Any) -> dict[str, float]:
        return {"found_first": found_first(*self._asked)}


class _Told(TrainerCallback):
    """Tells how far it is, and sees that the last steps are logged too."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self._progress(state.global_step, state.max_steps)
        control.should_log |= state.global_step >= state.max_steps

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        log.info(
            "matcher, step %d of %d: %s",
            state.global_step,
            state.max_steps,
            json.dumps(_rows(state.log_history)[-1]),
        )


def _either_way(module: SentenceTransformer) -> MultipleNegativesRankingLoss:
    """Cross entropy of finding one's own reply, and one's own conversation, in the batch; in nats."""
    return MultipleNegativesRankingLoss(
        module,
        scale=SCALE,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
    )


def _arguments(config: MatchConfig, folder: Path, *, evaluates: bool) -> SentenceTransformerTrainingArguments:
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=config.steps,
        per_device_train_batch_size=config.lessons,
        learning_rate=config.learning_rate,
        warmup_steps=config.warmup_steps,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr": config.final_rate},
        weight_decay=config.weight_decay,
        max_grad_norm=config.clip,
        seed=config.seed,
        batch_sampler=Apart,
        multi_dataset_batch_sampler="round_robin",
        # Encoders keep their word vectors outside the module, where a trainer's device does not find them.
        use_cpu=True,
        bf16=has_bf16("cpu"),
        logging_steps=config.checkpoint_every,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=config.checkpoint_every,
        save_steps=config.checkpoint_every,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _last_whole(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that was written to its end, and its state, which is written last."""
    whole: dict[int, tuple[Path, dict[str, Any]]] = {}
    for note in folder.glob("checkpoint-*/trainer_state.json"):
        try:
            state = json.loads(note.read_text(encoding="utf-8"))
            whole[int(state["global_step"])] = note.parent, state
        except (ValueError, KeyError):
            continue
    return whole[max(whole)] if whole else None


def _rows(history: Sequence[Mapping[str, float]]) -> list[Row]:
    """One row for each step that was logged: its loss, and the rate of those found first."""
    rows: dict[float, Row] = {}
    for entry in history:
        row = rows.setdefault(entry["step"], {"step": entry["step"]})
        row |= {
            name.removeprefix("eval_"): entry[name] for name in ("loss", "eval_found_first") if name in entry
        }
    return [row for row in rows.values() if len(row) > 1]
