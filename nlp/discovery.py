"""New intents in messages that nobody has labelled: groups of like messages, each with a proposed name.

Sentence vectors are centred and cut to 64 dimensions (PCA), joined by average-linkage agglomerative
clustering until groups are too unlike, and what is left over joins the nearest group where it is near
enough. Exact repeats are one point, so a text that is sent a thousand times costs nothing more. The
linkage looks at `AT_ONCE` distinct texts at most, drawn by the seed, the rest joins the groups: time and
memory are those of 5,000 texts (two to ten seconds on one core, 0.3 GB) plus one product of vectors, and
20,000 messages take hardly longer. The same input and seed give the same groups. Blocks, and holds the
interpreter's lock for seconds: a server runs it in a process of its own. Knows texts and vectors;
knows no model, no database and no shop.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

Vectors = NDArray[np.float32]
Numbers = NDArray[np.intp]

AT_ONCE = 5_000
"""Distinct texts that the linkage looks at; the others join what it finds."""
DIMENSIONS = 64
UNLIKE = 0.6
"""Groups farther apart than this (mean cosine distance of their members) stay two."""
FEW = 200
"""Below so many distinct texts vectors stay as they are: their mean would be what they are about."""
NEAR = 0.5
"""Cosine to a group's middle from which a left-over message joins it."""
SMALLEST, SHARE = 5, 1 / 400
"""A group has five messages, or this share of all where that is more."""
EXAMPLES, KEYWORDS = 5, 5
ALIKE = 0.95
"""Two examples nearer than this show the same thing twice."""
_SPOKEN_BY = 0.1
"""A keyword occurs in at least this share of a group: what few messages say is none."""
_WORD = r"(?u)\b[^\W\d_]{2,}\b"
_MORE_STOPS = """hi hello hey dear please thanks thank need want help know tell like just got get im ive id
dont doesnt didnt isnt wasnt wont cant couldnt whats hows theres youre yes ok okay going trying use make
does did way possible question able let good morning afternoon wondering would ll ve re"""
_NO_STOPS = "top bill call name find fire move show back bottom amount full empty front part computer detail"
"""Words of scikit-learn's list that customers mean something by, as in "top up"."""
_STOPS = (frozenset(ENGLISH_STOP_WORDS) - frozenset(_NO_STOPS.split())) | frozenset(_MORE_STOPS.split())


@dataclass(frozen=True, slots=True)
class Cluster:
    """Messages that ask for the same; `rows` are their positions in the input, the most central first."""

    rows: tuple[int, ...]
    examples: tuple[int, ...]
    """Rows of three to five central messages that differ from each other; fewer where there are fewer."""
    keywords: tuple[str, ...]
    name: str
    """Proposed, in snake_case, unique in one discovery."""
    cohesion: float
    """Mean cosine of the messages to their middle, 0..1."""


def discover(texts: Sequence[str], vectors: Vectors, *, seed: int = 17) -> list[Cluster]:
    """Groups of like messages, the biggest first; `vectors` (n, d) are unit embeddings of the texts.

    What is like nothing else is in none of them.
    """
    return described(texts, vectors, grouped(texts, vectors, seed=seed))


def grouped(texts: Sequence[str], vectors: Vectors, *, seed: int = 17) -> Numbers:
    """The number of each message's group, -1 for none."""
    distinct, place = _distinct(texts)
    if len(distinct) < 2:
        return _lone(place, len(texts))
    points = vectors[distinct]
    times = np.bincount(place[place >= 0], minlength=len(distinct))
    least = max(SMALLEST, round(SHARE * len(texts)))
    groups = _joined(points, _linked(points, times, least, seed))
    return np.where(place >= 0, groups[place], -1)


def without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with these spans blanked, for `described`: a customer's name must name no intent."""
    signs = list(text)
    for start, end in spans:
        signs[start:end] = " " * (end - start)
    return "".join(signs)


def _distinct(texts: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Rows of the first of each distinct text, and for each row its number among them; -1 for no words."""
    numbers: dict[str, int] = {}
    firsts: list[int] = []
    place: list[int] = []
    for row, text in enumerate(texts):
        plain = " ".join(re.findall(r"\w+", text.casefold()))
        if plain and plain not in numbers:
            numbers[plain] = len(firsts)
            firsts.append(row)
        place.append(numbers.get(plain, -1))
    return np.array(firsts, dtype=np.intp), np.array(place, dtype=np.intp)


def _lone(place: Numbers, count: int) -> Numbers:
    """One text at most: a group where it came often enough."""
    often = int((place == 0).sum()) >= max(SMALLEST, round(SHARE * count))
    return np.where((place == 0) & often, 0, -1)


def _linked(points: Vectors, times: Numbers, least: int, seed: int) -> Numbers:
    """A group for each point, -1 where it was not looked at or its group has fewer than `least` messages."""
    seen = np.arange(len(points))
    if len(points) > AT_ONCE:
        seen = np.sort(np.random.default_rng(seed).permutation(len(points))[:AT_ONCE])
        least = max(SMALLEST, round(least * AT_ONCE / len(points)))
    few = len(points) < FEW
    near = (
        points[seen]
        if few
        else _unit(PCA(min(DIMENSIONS, points.shape[1]), random_state=seed).fit_transform(points[seen]))
    )
    linkage = AgglomerativeClustering(None, metric="cosine", linkage="average", distance_threshold=UNLIKE)
    found = linkage.fit_predict(near)
    counts = np.bincount(found, weights=times[seen])
    groups = np.full(len(points), -1, dtype=np.intp)
    groups[seen] = np.where(counts[found] >= least, found, -1)
    return groups


def _joined(points: Vectors, groups: Numbers) -> Numbers:
    """The groups, with the left-over points that are near enough to one."""
    names = np.unique(groups[groups >= 0])
    if not len(names):
        return groups
    middles = np.stack([_middle(points[groups == name]) for name in names])
    cosines = points @ middles.T
    free = (groups < 0) & (cosines.max(axis=1) >= NEAR)
    return np.where(free, names[cosines.argmax(axis=1)], groups)


def described(
    texts: Sequence[str],
    vectors: Vectors,
    groups: Numbers,
    *,
    words: Sequence[str] | None = None,
    taken: Iterable[str] = (),
) -> list[Cluster]:
    """Each group with its examples and a proposed name, the biggest first.

    Keywords are taken from `words`, the texts without personal values, where they are given; `taken`
    are names that are not proposed again.
    """
    words = texts if words is None else words
    sizes = np.bincount(groups[groups >= 0]) if (groups >= 0).any() else np.zeros(0, dtype=np.intp)
    order = [int(name) for name in np.argsort(-sizes, kind="stable") if sizes[name]]
    members = [np.flatnonzero(groups == name) for name in order]
    used = set(taken)
    found = []
    for rows, keys in zip(members, _keywords(words, members), strict=True):
        cosines = vectors[rows] @ _middle(vectors[rows])
        central = rows[np.argsort(-cosines, kind="stable")]
        name = _name(keys, [words[row] for row in rows.tolist()], used)
        used.add(name)
        shown = _shown(central, vectors, texts)
        cohesion = float(np.clip(cosines.mean(), 0.0, 1.0))
        found.append(Cluster(tuple(central.tolist()), shown, keys, name, cohesion))
    return found


def _shown(central: Numbers, vectors: Vectors, texts: Sequence[str]) -> tuple[int, ...]:
    """The most central rows that differ from those before them."""
    chosen: list[int] = []
    for row in central.tolist():
        others = vectors[chosen] @ vectors[row]
        if not any(others > ALIKE) and texts[row] not in [texts[one] for one in chosen]:
            chosen.append(row)
        if len(chosen) == EXAMPLES:
            break
    return tuple(chosen)


def _keywords(texts: Sequence[str], members: Sequence[Numbers]) -> list[tuple[str, ...]]:
    """The words that set each group apart: class-based tf-idf, each message counting a word once."""
    rows = [int(row) for group in members for row in group]
    words = CountVectorizer(
        preprocessor=_plain, stop_words=list(_STOPS), token_pattern=_WORD, binary=True, dtype=np.float64
    )
    try:
        counts = words.fit_transform([texts[row] for row in rows])
    except ValueError:  # not one word is left
        return [() for _ in members]
    names = words.get_feature_names_out()
    ends = np.cumsum([len(group) for group in members])
    spoken = [
        np.asarray(counts[end - len(group) : end].mean(axis=0)).ravel()
        for group, end in zip(members, ends, strict=True)
    ]
    rarity = np.log1p(1.0 / np.maximum(np.mean(spoken, axis=0), 1e-9))
    return [_best(names, share, share * rarity) for share in spoken]


def _best(names: NDArray[np.str_], share: NDArray[np.float64], worth: NDArray[np.float64]) -> tuple[str, ...]:
    """The words of most worth that enough messages say, each in one form: refund, not refunds too."""
    chosen: list[str] = []
    for at in np.argsort(-worth, kind="stable").tolist():
        word = str(names[at])
        if len(chosen) == KEYWORDS or not worth[at]:
            break
        if share[at] >= _SPOKEN_BY and not any(word[:4] == other[:4] for other in chosen):
            chosen.append(word)
    return tuple(chosen)


def _name(words: Sequence[str], texts: Sequence[str], used: set[str]) -> str:
    """Two keywords, a third where that is taken, in the order in which customers say them."""
    latin = [plain for word in words if (plain := _ascii(word))]
    for count in range(min(2, len(latin)), len(latin) + 1):
        name = "_".join(_as_spoken(latin[:count], texts))[:60].strip("_")
        if name and name not in used:
            return name
    base = "_".join(latin[:2])[:50] or "new_intent"
    return next(name for number in range(1, len(used) + 2) if (name := f"{base}_{number}") not in used)


def _as_spoken(words: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Words by their mean place among themselves in the texts that have all of them."""
    places = {word: [0.0] for word in words}
    for text in texts:
        said = [_ascii(word) for word in re.findall(_WORD, _plain(text))]
        if all(word in said for word in words):
            for word in words:
                places[word].append(said.index(word) / len(said))
    return sorted(words, key=lambda word: float(np.mean(places[word])))


def _plain(text: str) -> str:
    return text.casefold().replace("'", "").replace("’", "")


def _ascii(word: str) -> str:
    """Without accents; empty for words of other letters."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", word) if not unicodedata.combining(sign))
    return bare if re.fullmatch("[a-z]+", bare) else ""


def _middle(points: Vectors) -> Vectors:
    found: Vectors = _unit(points.mean(axis=0, keepdims=True))[0]
    return found


def _unit(points: Vectors) -> Vectors:
    found: Vectors = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    return found
