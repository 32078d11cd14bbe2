"""The decode loop: batches of prompts in, sampled replies out, over the weights of a GPT-2 folder.

A preallocated key/value cache, every prompt prefilled once and shared by its n candidates, rows of
different length side by side, per-request slot masks, and stop rules. Knows token ids, and nothing
of text, retrieval or ranking. `transformers`' own `generate` is its oracle in the tests: greedy
decoding gives the same tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from transformers import GPT2LMHeadModel

from nlp.device import has_bf16
from nlp.errors import ModelError, one_line

TOP_K = 64
"""Only the most probable tokens are sampled from; top-p cuts further."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt and how to continue it.

    The first of the `candidates` is greedy, the others are sampled at `temperature` from the
    smallest set of tokens with probability `top_p` (at most TOP_K). Ids in `banned` are never produced.
    """

    prompt: tuple[int, ...]
    candidates: int = 4
    max_new_tokens: int = 64
    temperature: float = 0.8
    top_p: float = 0.9
    banned: tuple[int, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """One continuation without its end token; `logprob` is the mean over its tokens, in nats,
    of the model's own distribution (before temperature, top-p and bans)."""

    ids: tuple[int, ...]
    logprob: float
    finished: bool


Cache = list[tuple[Tensor, Tensor]]
"""Keys and values of each block, of shape (rows, heads, positions, width of a head)."""


class Engine:
    """A GPT-2 ready to decode. Not thread-safe: one thread calls it."""

    def __init__(self, model: GPT2LMHeadModel, *, end: int, dtype: torch.dtype = torch.float32) -> None:
        config = model.config
        if config.n_embd % config.n_head:
            raise ModelError("n_embd must be a multiple of n_head")
        self._positions: int = config.n_positions
        self._end = end
        self._epsilon = config.layer_norm_epsilon
        model = model.to(dtype=dtype)  # type: ignore[call-arg]
        core = model.transformer
        self._tokens, self._places = core.wte.weight.detach(), core.wpe.weight.detach()
        self._output = model.lm_head.weight.detach()
        self._final = (core.ln_f.weight.detach(), core.ln_f.bias.detach())
        self._blocks = [_Block.of(block, config.n_head, self._epsilon) for block in core.h]

    @property
    def vocabulary_size(self) -> int:
        """How many tokens the model knows."""
        return self._tokens.shape[0]

    @classmethod
    def load(cls, folder: Path, *, end: int, device: str = "cpu") -> Engine:
        """Read a model folder in Hugging Face layout (safetensors only).

        Runs in bfloat16 where the processor multiplies it itself. Raises ModelError where the folder
        can't be read or holds pickled weights.
        """
        if any(folder.glob("*.bin")) or any(folder.glob("*.p[tk]*")):
            raise ModelError(f"{folder.name} holds pickled weights; only safetensors are loaded")
        try:
            loaded: Any = GPT2LMHeadModel.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"{folder.name} is not a readable GPT-2 folder: {one_line(error)}") from error
        model: GPT2LMHeadModel = loaded[0]
        if missing := sorted(set(loaded[1]["missing_keys"]) - {"lm_head.weight"}):
            # The library would fill them in at random, and say so to nobody.
            raise ModelError(
                f"{folder.name} lacks weights: {', '.join(missing[:3])}; publish the version again"
            )
        model.train(False)
        model.requires_grad_(False)
        model.to(torch.device(device))  # type: ignore[arg-type]
        return cls(model, end=end, dtype=torch.bfloat16 if has_bf16(device) else torch.float32)

    def admits(self, request: GenerationRequest) -> bool:
        """Does prompt plus reply fit into the model's positions?"""
        return len(request.prompt) > 0 and len(request.prompt) + request.max_new_tokens <= self._positions

    @torch.inference_mode()
    def generate(self, requests: Sequence[GenerationRequest]) -> list[list[Generation]]:
        """Continue every prompt. A request that does not fit raises ModelError before any work."""
        for request in requests:
            if not self.admits(request):
                raise ModelError("prompt and reply do not fit into the model's positions")
        if not requests:
            return []
        ids, lengths = _padded([r.prompt for r in requests], self._tokens.device)
        read, last = self._read(ids, lengths)
        batch = _Batch(requests, lengths)
        cache = _repeated(read, batch.owner, batch.longest_reply)
        logits = self._logits(last[batch.owner])
        while batch.choose(logits, self._end):
            if (kept := batch.compact()) is not None:
                cache = [(keys[kept], values[kept]) for keys, values in cache]
            logits = self._step(batch, cache)
        return batch.results()

    @torch.inference_mode()
    def score(
        self, prompts: Sequence[Sequence[int]], given: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[float]]:
        """How probable the `given` replies are, each group behind its prompt.

        A score is the mean log-probability of a token, in nats; a reply that does not fit is cut.
        Raises ModelError for a prompt that leaves no room for a reply.
        """
        if any(not 0 < len(prompt) < self._positions for prompt in prompts):
            raise ModelError("a prompt leaves no room for a reply in the model's positions")
        if not prompts:
            return []
        ids, lengths = _padded(prompts, self._tokens.device)
        read, last = self._read(ids, lengths)
        return self._score(read, last, lengths, given)

    def _read(self, ids: Tensor, lengths: Tensor) -> tuple[Cache, Tensor]:
        """One pass over the prompts: keys and values, and the hidden state at each prompt's end."""
        hidden = self._tokens[ids] + self._places[: ids.shape[1]]
        # Right padding: a causal mask is enough, no real token ever looks at a pad.
        cache = []
        for block in self._blocks:
            hidden, keys, values = block.prefill(hidden)
            cache.append((keys, values))
        return cache, hidden[torch.arange(len(lengths), device=ids.device), lengths - 1]

    def _score(
        self, read: Cache, last: Tensor, lengths: Tensor, given: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[float]]:
        owners = [i for i, group in enumerate(given) for _ in group]
        out: list[list[float]] = [[] for _ in given]
        if not owners:
            return out
        owner = torch.tensor(owners, device=lengths.device)
        targets, sizes = _padded([reply for group in given for reply in group], lengths.device)
        room = max(1, min(targets.shape[1], self._positions - int(lengths.max())))
        targets, sizes = targets[:, :room], sizes.clamp(max=room)
        chances = self._logits(last[owner]).log_softmax(-1).gather(1, targets[:, :1])
        if room > 1:
            logits = self._extend(targets[:, :-1], _repeated(read, owner, room), lengths[owner])
            rest = logits.log_softmax(-1).gather(2, targets[:, 1:, None]).squeeze(2)
            chances = torch.cat([chances, rest], dim=1)
        real = torch.arange(room, device=lengths.device) < sizes[:, None]
        for at, mean in zip(owners, ((chances * real).sum(1) / sizes).tolist(), strict=True):
            out[at].append(mean)
        return out

    def _extend(self, ids: Tensor, cache: Cache, start: Tensor) -> Tensor:
        """Logits (B, T, vocabulary) of T tokens at once behind cached rows that end at `start` (B,)."""
        places = start[:, None] + torch.arange(ids.shape[1], device=ids.device)
        hidden = self._tokens[ids] + self._places[places.clamp(max=self._positions - 1)]
        seen = torch.arange(cache[0][0].shape[2], device=ids.device) <= places[:, :, None]
        for block, (keys, values) in zip(self._blocks, cache, strict=True):
            hidden = block.extend(hidden, keys, values, places, seen)
        return self._logits(hidden)

    def _step(self, batch: _Batch, cache: Cache) -> Tensor:
        """One more token for every row, at that row's own position."""
        hidden = self._tokens[batch.newest] + self._places[batch.position]
        seen = torch.arange(cache[0][0].shape[2], device=hidden.device) <= batch.position[:, None]
        for block, (keys, values) in zip(self._blocks, cache, strict=True):
            hidden = block.step(hidden, keys, values, batch.position, seen)
        batch.position += 1
        return self._logits(hidden)

    def _logits(self, hidden: Tensor) -> Tensor:
        weight, bias = self._final
        normed = functional.layer_norm(hidden, weight.shape, weight, bias, self._epsilon)
        logits: Tensor = normed @ self._output.T
        return logits.float()


def _repeated(cache: Cache, owner: Tensor, more: int) -> Cache:
    """A cache row for each owner, with room for `more` positions."""
    return [
        (functional.pad(keys[owner], (0, 0, 0, more)), functional.pad(values[owner], (0, 0, 0, more)))
        for keys, values in cache
    ]


@dataclass(frozen=True, slots=True)
class _Block:
    """The weights of one transformer block, as plain tensors; Conv1D stores them (in, out)."""

    heads: int
    epsilon: float
    norm1: tuple[Tensor, Tensor]
    qkv: tuple[Tensor, Tensor]
    out: tuple[Tensor, Tensor]
    norm2: tuple[Tensor, Tensor]
    up: tuple[Tensor, Tensor]
    down: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, block: torch.nn.Module, heads: int, epsilon: float) -> _Block:
        def pair(name: str) -> tuple[Tensor, Tensor]:
            module = block.get_submodule(name)
            # Not `get_parameter`: a layer with low-rank changes makes its weight when asked.
            weight, bias = (cast(Tensor, getattr(module, side)) for side in ("weight", "bias"))
            return weight.detach(), bias.detach()

        names = ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
        return cls(heads, epsilon, *(pair(name) for name in names))

    def prefill(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """hidden (B, T, D) -> new hidden, keys and values (B, H, T, D/H)."""
        rows, width, _ = hidden.shape
        parts = self._linear(self._norm(hidden, self.norm1), self.qkv).chunk(3, dim=-1)
        query, keys, values = (p.view(rows, width, self.heads, -1).transpose(1, 2) for p in parts)
        mixed = functional.scaled_dot_product_attention(query, keys, values, is_causal=True)
        mixed = mixed.transpose(1, 2).reshape(rows, width, -1)
        return self._feed(hidden + self._linear(mixed, self.out)), keys, values

    def step(self, hidden: Tensor, keys: Tensor, values: Tensor, position: Tensor, seen: Tensor) -> Tensor:
        """hidden (B, D) at `position` (B,); writes into keys and values (B, H, room, D/H)."""
        rows, size = hidden.shape
        parts = self._linear(self._norm(hidden, self.norm1), self.qkv).view(rows, 3, self.heads, -1)
        every = torch.arange(rows, device=hidden.device)
        keys[every, :, position] = parts[:, 1]
        values[every, :, position] = parts[:, 2]
        scores = (keys @ parts[:, 0].unsqueeze(-1)).squeeze(-1) * parts.shape[-1] ** -0.5
        weights = scores.masked_fill(~seen[:, None, :], -torch.inf).softmax(-1)
        mixed = (weights.unsqueeze(2) @ values).reshape(rows, size)
        return self._feed(hidden + self._linear(mixed, self.out))

    def extend(self, hidden: Tensor, keys: Tensor, values: Tensor, places: Tensor, seen: Tensor) -> Tensor:
        """hidden (B, T, D) at `places` (B, T); `seen` (B, T, room) says what each may look at."""
        rows, width, size = hidden.shape
        parts = self._linear(self._norm(hidden, self.norm1), self.qkv).view(rows, width, 3, self.heads, -1)
        every = torch.arange(rows, device=hidden.device)[:, None]
        keys[every, :, places] = parts[:, :, 1]
        values[every, :, places] = parts[:, :, 2]
        query = parts[:, :, 0].transpose(1, 2)
        mixed = functional.scaled_dot_product_attention(query, keys, values, attn_mask=seen[:, None])
        return self._feed(hidden + self._linear(mixed.transpose(1, 2).reshape(rows, width, size), self.out))

    def _feed(self, hidden: Tensor) -> Tensor:
        inner = functional.gelu(self._linear(self._norm(hidden, self.norm2), self.up), approximate="tanh")
        return hidden + self._linear(inner, self.down)

    def _norm(self, hidden: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
        return functional.layer_norm(hidden, weights[0].shape, weights[0], weights[1], self.epsilon)

    @staticmethod
    def _linear(hidden: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
        return hidden @ weights[0] + weights[1]


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows of ids right-padded to (n, longest), and their lengths (n,)."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *([0] * (longest - len(row)))] for row in rows], device=device)
    return ids, torch.tensor([len(row) for row in rows], device=device)


class _Batch:
    """The rows of one call: request r owns `candidates` rows, the first of them greedy.

    Tensors hold the rows that are still alive; lists are by the row's first number.
    """

    def __init__(self, requests: Sequence[GenerationRequest], lengths: Tensor) -> None:
        self._requests = requests
        self._owners = [i for i, r in enumerate(requests) for _ in range(r.candidates)]
        device = lengths.device
        self.owner = torch.tensor(self._owners, device=device)
        self.position = lengths[self.owner].clone()
        self.newest = torch.zeros_like(self.owner)
        self.longest_reply = max(r.max_new_tokens for r in requests)
        self._rows = list(range(len(self._owners)))
        firsts = [i == 0 or self._owners[i - 1] != owner for i, owner in enumerate(self._owners)]
        self._greedy = torch.tensor(firsts, device=device)
        self._temperature = torch.tensor([[requests[o].temperature] for o in self._owners], device=device)
        self._top_p = torch.tensor([[requests[o].top_p] for o in self._owners], device=device)
        self._ids: list[list[int]] = [[] for _ in self._owners]
        self._logprobs = [0.0] * len(self._owners)
        self._finished = [False] * len(self._owners)
        self._random = [torch.Generator().manual_seed(r.seed) for r in requests]
        self._bans = {o: torch.tensor(r.banned, device=device) for o, r in enumerate(requests) if r.banned}

    def choose(self, logits: Tensor, end: int) -> bool:
        """Pick the next token of each living row from logits (rows, vocabulary); False when all are done."""
        allowed = self._without_banned(logits)
        picked = torch.where(self._greedy, allowed.argmax(-1), self._sample(allowed))
        chances = logits.log_softmax(-1).gather(1, picked[:, None]).squeeze(1).tolist()
        for row, number, chance in zip(self._rows, picked.tolist(), chances, strict=True):
            self._take(row, number, chance, end)
        self.newest = picked
        return not all(self._done(row) for row in self._rows)

    def compact(self) -> Tensor | None:
        """Let go of rows that are done, once a quarter is; the indices of those that stay, or None."""
        alive = [at for at, row in enumerate(self._rows) if not self._done(row)]
        if len(alive) > 0.75 * len(self._rows):
            return None
        kept = torch.tensor(alive, device=self.owner.device)
        self._rows = [self._rows[at] for at in alive]
        for name in ("owner", "position", "newest", "_greedy", "_temperature", "_top_p"):
            setattr(self, name, getattr(self, name)[kept])
        return kept

    def _take(self, row: int, number: int, chance: float, end: int) -> None:
        if self._done(row):
            return
        self._logprobs[row] += chance
        if number == end:
            self._finished[row] = True
        else:
            self._ids[row].append(number)

    def _done(self, row: int) -> bool:
        limit = self._requests[self._owners[row]].max_new_tokens
        return self._finished[row] or len(self._ids[row]) >= limit

    def _without_banned(self, logits: Tensor) -> Tensor:
        allowed = logits.clone()
        for at, row in enumerate(self._rows):
            if (banned := self._bans.get(self._owners[row])) is not None:
                allowed[at, banned] = -torch.inf
            if repeats := self._repeats(row):
                allowed[at, repeats] = -torch.inf
        return allowed

    def _repeats(self, row: int, size: int = 4) -> list[int]:
        """Tokens that would make this row repeat one of its own runs of `size` tokens."""
        ids = self._ids[row]
        if len(ids) < size:
            return []
        tail = ids[-(size - 1) :]
        return [ids[i + size - 1] for i in range(len(ids) - size + 1) if ids[i : i + size - 1] == tail]

    def _sample(self, allowed: Tensor) -> Tensor:
        ordered, order = (allowed / self._temperature).softmax(-1).topk(min(TOP_K, allowed.shape[-1]))
        before = ordered.cumsum(-1) - ordered
        ordered = ordered.masked_fill(before >= self._top_p, 0.0)
        within = ordered.cumsum(-1)
        draws = self._draws().to(allowed.device)
        index = (within < draws * within[:, -1:]).sum(-1, keepdim=True).clamp(max=ordered.shape[-1] - 1)
        return order.gather(1, index).squeeze(1)

    def _draws(self) -> Tensor:
        """A number in 0..1 for each living row, (rows, 1).

        Every request draws for all its candidates from a generator of its own, so that a reply
        depends neither on who shares the batch nor on which rows are already done.
        """
        drawn = [
            torch.rand(r.candidates, 1, generator=g)
            for r, g in zip(self._requests, self._random, strict=True)
        ]
        return torch.cat(drawn)[self._rows]

    def results(self) -> list[list[Generation]]:
        """What each request got, its greedy candidate first."""
        out: list[list[Generation]] = [[] for _ in self._requests]
        for row, owner in enumerate(self._owners):
            count = len(self._ids[row]) + self._finished[row]
            mean = self._logprobs[row] / max(1, count)
            out[owner].append(Generation(tuple(self._ids[row]), mean, self._finished[row]))
        return out
