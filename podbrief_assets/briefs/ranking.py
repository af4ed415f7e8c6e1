"""Choose each subscriber's entries.

Belongs here: the choice, from arrays of vectors and scores, for any number of subscribers at once.
Doesn't: where the arrays come from and what the choice is called in words (`assets.py`), interests (`profiles.py`).

Entries are chosen one by one from the 40 that score highest for a reader and that they may get; where caps leave fewer
than were asked for, from the 512, then from all. Which those are is what scoring every insight for every reader would
give, but most are never looked at closely. A product in bfloat16, or in float32 where the processor has none, bounds
how near anything can be to a reader's interests; the best by that bound are scored exactly; and a reader for whom
something else could still be among the 40 is done again with more of them.

Exact means exact: vectors are rounded to multiples of 2⁻¹¹, whose products and sums fit into a float32 without
rounding, in any order, so a reader's brief depends neither on the block of readers that it is made in, nor on the
number of threads, nor on the device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from podbrief_assets.devices import has_bfloat16, resolved_device, whole_float32

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

VERSION = "2"

_NO_PAIRS = np.zeros((0, 2), np.int64)
# Sums of 384 products of two multiples of 2⁻¹¹ from unit vectors stay below 2²² units of 2⁻²²: float32 holds 2²⁴.
_GRID = 2.0**11
# By how much a product of two vectors of length 1 may be off, apart from what rounding them did: its sums are float32,
# and the result is rounded again.
_OFF = {"bfloat16": 2.0**-9 + 2.0**-14, "float32": 2.0**-14}
_PARTIAL_SUMS = 4  # times as much on a GPU, whose libraries may round sums of parts to bfloat16, too
_CHUNK = 16  # insights that share a bound
# Floating-point numbers that are not negative are in the order of their bits, and as whole numbers their maximum is
# found three times as fast. A chunk's numbers are fetched at once, as many bytes as a complex number has.
_BITS = {"bfloat16": "int16", "float32": "int32"}
_FETCHED_BYTES = 16
_COLUMNS_AT_ONCE = 3072  # interests in one product
_CELLS_AT_ONCE = 2**26  # of its result
_PLACES_AT_ONCE = 2**19  # insights scored exactly, where that is more than a few for each reader


# How many of the highest scores entries are chosen from; the last, all of them, is not listed.
_POOLS = (40, 512)


@dataclass(frozen=True)
class _Depth:
    """How closely one looks for the highest scores.

    Attributes:
        chunks: Chunks whose insights are told apart.
        scored: Insights that are scored exactly.
        followed: Insights of followed shows that are told apart.
    """

    chunks: int
    scored: int
    followed: int


_DEPTHS = (_Depth(64, 64, 64), _Depth(256, 320, 512), _Depth(1024, 2048, 2048))


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What counts how much.

    Attributes:
        relevance: Factor of how near an insight is to the best matching interest, in the unit of `Interests`.
        quality, freshness, follows: Factors of an entry's other parts.
        popularity: Factor of what many follow, for a reader of whom nothing is known.
        aversion: Factor of how near it is to what the reader disliked, taken off.
        redundancy: Factor of the cosine to the nearest entry above, taken off (maximal marginal relevance, Carbonell
            and Goldstein 1998).
        relevance_floor: Below it nothing is relevant to a reader who has interests, unless they follow the show.
        quality_floor: Below it nothing is sent: a thin day is shorter.
        per_show: Entries of one show at most.
    """

    relevance: float = 1.0
    quality: float = 1.0
    freshness: float = 0.15
    follows: float = 0.2
    popularity: float = 0.2
    aversion: float = 0.5
    redundancy: float = 0.5
    relevance_floor: float = 0.5
    quality_floor: float = 0.15
    per_show: int = 2


@dataclass(frozen=True, kw_only=True)
class Insights:
    """What can be chosen today: n insights, in an order that is the same whenever the input is.

    Attributes:
        vectors: (n, d) float32, each of length 1.
        quality: (n,) in [0, 1].
        freshness: (n,) in [0, 1].
        popularity: (n,) in [0, 1].
        show: (n,) the show, as a number from 0.
        cluster: (n,) a number that insights share that say the same.
        attributes: (n, a) numbers from 0 of whatever a reader may refuse (its show, its topics, its cluster, a word in
            it), -1 where there are fewer than a.
    """

    vectors: Floats
    quality: Floats
    freshness: Floats
    popularity: Floats
    show: Indices
    cluster: Indices
    attributes: Indices

    def __len__(self) -> int:
        return len(self.quality)


@dataclass(frozen=True, kw_only=True)
class Interests:
    """Vectors that readers have, one reader's after the other's.

    How near an insight is to one is `gain` times their cosine less `offset`. That is how an interest is held against
    the archive: a vague one is near to everything, and what counts is what stands out.

    Attributes:
        vectors: (k, d) float32, each of length 1.
        owner: (k,) the reader of each, ascending; a reader may have none.
        gain: (k,) above 0.
        offset: (k,).
    """

    vectors: Floats
    owner: Indices
    gain: Floats
    offset: Floats

    @classmethod
    def none(cls, dimension: int) -> Interests:
        """Nobody's."""
        nothing = np.zeros(0, np.float32)
        return cls(
            vectors=np.zeros((0, dimension), np.float32), owner=np.zeros(0, np.int64), gain=nothing, offset=nothing
        )


@dataclass(frozen=True, kw_only=True)
class Readers:
    """Who chooses: s readers.

    Attributes:
        interests: What draws them.
        aversions: What puts them off.
        size: (s,) entries at most.
        refused: (p, 2) pairs (reader, attribute): no insight with that attribute, whatever its score.
        follows: (q, 2) pairs (reader, show).
    """

    interests: Interests
    aversions: Interests
    size: Indices
    refused: Indices = field(default_factory=lambda: _NO_PAIRS)
    follows: Indices = field(default_factory=lambda: _NO_PAIRS)

    def __len__(self) -> int:
        return len(self.size)


@dataclass(frozen=True, kw_only=True)
class Picks:
    """What was chosen: m entries, a reader's together and in the order of `rank`.

    Attributes:
        reader, insight: (m,) numbers of both.
        rank: (m,) from 1.
        score: (m,) what it was chosen by.
        relevance: (m,) nearness to the best matching interest; 0 for a reader without any.
        cosine: (m,) the cosine to that interest.
        aversion: (m,) nearness to what was disliked, not below 0.
        redundancy: (m,) cosine to the nearest entry above, not below 0.
        follows: (m,) 1 where the reader follows the show, else 0.
        interest: (m,) number of that interest among its reader's own, from 0; -1 where there is none.
    """

    reader: Indices
    insight: Indices
    rank: Indices
    score: Doubles
    relevance: Doubles
    cosine: Doubles
    aversion: Doubles
    redundancy: Doubles
    follows: Doubles
    interest: Indices


def pick_entries(insights: Insights, readers: Readers, weights: Weights | None = None, device: str = "auto") -> Picks:
    """Choose up to `size` entries for each reader.

    Nothing refused, nothing below a floor, at most `per_show` of a show, one of a cluster; the best first, each judged
    against what already stands above it. Equal scores go to the insight that comes first. A reader's entries do not
    depend on who else is there. Memory beyond the arguments and a copy of `refused` and `follows` does not
    depend on how many readers there are.
    """
    weights = weights or Weights()
    kept = np.flatnonzero(insights.quality >= weights.quality_floor)
    if not len(kept) or not len(readers):
        return _joined([])
    chooser = _Chooser(insights, kept, weights, resolved_device(device))
    counts = np.bincount(readers.interests.owner, minlength=len(readers))
    readers = replace(readers, refused=_by_reader(readers.refused), follows=_by_reader(readers.follows))
    with whole_float32():
        return _joined([part for most, members in _alike(counts) for part in chooser.picks(readers, members, most)])


def scored(insights: Insights, readers: Readers, weights: Weights | None = None, device: str = "auto") -> Picks:
    """Every insight, for the one reader there is, scored before anything stands above it.

    For telling why something was not chosen: floors, refusals, caps and redundancy are left out. The best comes first.

    Raises:
        ValueError: There is not one reader.
    """
    if len(readers) != 1:
        raise ValueError(f"one reader, not {len(readers)}")
    free = Readers(
        interests=readers.interests, aversions=readers.aversions, size=np.ones(1, np.int64), follows=readers.follows
    )
    if not len(insights):
        return _joined([])
    weights = replace(weights or Weights(), relevance_floor=-math.inf)
    chooser = _Chooser(insights, np.arange(len(insights)), weights, resolved_device(device))
    with whole_float32():
        return chooser.everything(free, len(readers.interests.owner))


def _by_reader(pairs: Indices) -> Indices:
    """Pairs (reader, something) in the order of readers."""
    ordered: Indices = pairs[np.argsort(pairs[:, 0], kind="stable")]
    return ordered


def _alike(counts: Indices) -> Iterator[tuple[int, Indices]]:
    """Readers by how many interests they have, 0, 1, 2, 4, 8 and so on at most: (that number, the readers)."""
    most = np.where(counts > 0, 2 ** np.ceil(np.log2(np.maximum(counts, 1))).astype(np.int64), 0)
    # Three is what most readers have, and a quarter of the product would be for nothing.
    most[counts == 3] = 3
    for number in np.unique(most):
        yield int(number), np.flatnonzero(most == number)


def _on_grid(vectors: Floats) -> Floats:
    return np.round(vectors * _GRID).astype(np.float32) / np.float32(_GRID)


@dataclass(frozen=True)
class _Own:
    """The interests of a block of b readers, padded to j each: vectors (b, j, d), gain and offset (b, j)."""

    vectors: torch.Tensor
    gain: torch.Tensor
    offset: torch.Tensor


class _Chooser:
    """Today's insights, ready to be chosen from.

    They stand in the order of what they have without a reader (`static`), so that those of a chunk differ little in it
    and one bound serves all.
    """

    def __init__(self, insights: Insights, kept: Indices, weights: Weights, device: str) -> None:
        import torch  # noqa: PLC0415 - takes seconds, and definitions must load without it

        self.weights, self.device = weights, device
        self._kept: dict[str, torch.Tensor] = {}
        static = weights.quality * insights.quality.astype(np.float64)
        static += weights.freshness * insights.freshness.astype(np.float64)
        order = kept[np.argsort(-static[kept], kind="stable")]
        self.n = len(order)
        self.padded = -(-self.n // _CHUNK) * _CHUNK
        self.precision = "bfloat16" if has_bfloat16(device) else "float32"

        def column(values: npt.NDArray[Any], fill: float, dtype: torch.dtype) -> torch.Tensor:
            # One row more than the padding: what stands for “nobody” where a reader has fewer candidates.
            row = torch.full((self.padded + 1, *values.shape[1:]), fill, dtype=dtype)
            row[: self.n] = torch.from_numpy(np.ascontiguousarray(values[order])).to(dtype)
            return row.to(device)

        self.insight = column(np.arange(len(insights)), len(insights), torch.int64)
        self.vectors = column(_on_grid(insights.vectors), 0.0, torch.float32)
        self.static = column(static, -np.inf, torch.float64)
        self.popularity = column(insights.popularity.astype(np.float64), 0.0, torch.float64)
        self.show = column(insights.show, -1, torch.int64)
        self.cluster = column(insights.cluster, -1, torch.int64)
        self.attribute_count = int(insights.attributes.max(initial=-1)) + 1
        # The attribute after the last is one that nobody refuses.
        attributes = np.where(insights.attributes < 0, self.attribute_count, insights.attributes)
        self.attributes = column(attributes, self.attribute_count, torch.int64)
        self.off = _OFF[self.precision] * (_PARTIAL_SUMS if device.startswith("cuda") else 1)
        self.quick = self.vectors[: self.padded].to(getattr(torch, self.precision))
        self.lost = float((self.vectors[: self.padded] - self.quick.to(torch.float32)).norm(dim=1).max())
        self.quick_static = self.static[: self.padded].to(torch.float32).view(-1, _CHUNK)
        # Of each show, where its insights stand: all of them in one line, and where each show's begin.
        shows = self.show[: self.n].cpu().numpy()
        self.by_show = torch.from_numpy(np.argsort(shows, kind="stable")).to(device)
        self.show_start = torch.from_numpy(
            np.searchsorted(np.sort(shows), np.arange(int(insights.show.max(initial=-1)) + 2))
        ).to(device)

    def _memory(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """Room for a large result, the same at every block: fresh memory comes page by page, which takes long."""
        import torch  # noqa: PLC0415

        size = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.numel() < size:
            kept = self._kept[name] = torch.empty(size, dtype=dtype, device=self.device)
        return kept[:size].view(shape)

    def picks(self, readers: Readers, members: Indices, most: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """The entries of the readers `members`, who have at most `most` interests each.

        Those for whom one look was not enough wait until all have had it: few of many blocks make one block.
        """
        # By which of `_POOLS` they are chosen from and which of `_DEPTHS` the highest scores are looked for with.
        waiting: dict[tuple[int, int], list[Indices]] = {(0, 0): [members]}
        columns = max(1, most)
        widest = max(1, min(_COLUMNS_AT_ONCE // columns, _CELLS_AT_ONCE // (columns * self.padded)))
        while waiting:
            pool, level = min(waiting)
            members = np.sort(np.concatenate(waiting.pop((pool, level))))
            size = _POOLS[pool] if pool < len(_POOLS) else self.padded
            while level < len(_DEPTHS) and _DEPTHS[level].scored < size:
                level += 1
            depth = _DEPTHS[level] if level < len(_DEPTHS) else _Depth(self.padded, 2 * self.padded, self.padded)
            # Closer looks take more memory for each reader.
            at_once = widest if level == 0 else max(1, min(widest, _PLACES_AT_ONCE // min(depth.scored, self.padded)))
            for start in range(0, len(members), at_once):
                block = members[start : start + at_once]
                own = self._own(readers.interests, block, most)
                follows = self._pairs(readers.follows, block, int(self.show_start.shape[0]) - 1)
                place, bound = self._likely(own, follows, depth)
                entries, unsure, short = self._greedy(readers, block, own, place, bound, follows, size)
                yield from entries
                for again, who in (((pool, level + 1), unsure), ((pool + 1, level), short)):
                    if len(who):
                        waiting.setdefault(again, []).append(block[who])

    def everything(self, readers: Readers, most: int) -> Picks:
        """All insights, for the one reader."""
        import torch  # noqa: PLC0415

        members = np.zeros(1, np.int64)
        own = self._own(readers.interests, members, most)
        pool = torch.arange(self.n, device=self.device)[None]
        follows = self._pairs(_by_reader(readers.follows), members, int(self.show_start.shape[0]) - 1)
        parts = self._parts(own, self._own(readers.aversions, members), pool, follows)
        place = torch.argsort(parts["score"], dim=1, descending=True, stable=True)[0]
        picked = {name: values[0, place].cpu().numpy() for name, values in parts.items()}
        return Picks(
            reader=np.zeros(len(place), np.int64),
            insight=self.insight[place].cpu().numpy(),
            rank=np.arange(1, len(place) + 1),
            redundancy=np.zeros(len(place)),
            **picked,
        )

    def _own(self, interests: Interests, members: Indices, most: int | None = None) -> _Own:
        """The interests of `members`; the missing ones have length 0 and are infinitely far from everything."""
        import torch  # noqa: PLC0415

        begin = np.searchsorted(interests.owner, members)
        count = np.searchsorted(interests.owner, members, side="right") - begin
        most = int(count.max(initial=0)) if most is None else most
        place = begin[:, None] + np.arange(most)
        missing = np.arange(most) >= count[:, None]
        place[missing] = 0
        if not len(interests.owner):
            shape = (len(members), most)
            vectors, gain, offset = np.zeros((*shape, interests.vectors.shape[1]), np.float32), *[np.zeros(shape)] * 2
        else:
            vectors = _on_grid(interests.vectors[place])
            gain, offset = (values[place].astype(np.float64) for values in (interests.gain, interests.offset))
        vectors[missing], gain[missing], offset[missing] = 0.0, 0.0, np.inf
        return _Own(*(torch.from_numpy(np.ascontiguousarray(one)).to(self.device) for one in (vectors, gain, offset)))

    def _likely(self, own: _Own, follows: torch.Tensor, depth: _Depth) -> tuple[torch.Tensor, torch.Tensor]:
        """Where each reader's likeliest insights stand, (b, scored), and what nothing else can score above, (b,)."""
        import torch  # noqa: PLC0415

        readers = len(own.vectors)
        near, margin = self._near(own)
        floor = self.weights.relevance_floor - margin[:, None]

        places, scores = [], []
        if near is None:
            general = (self.static + self.weights.popularity * self.popularity)[: self.n].to(torch.float32)
            best, place, rest = _highest(general[None], depth.scored)
            places.append(place.expand(readers, -1))
            scores.append(best.expand(readers, -1))
        else:
            nearest = self._best("chunks", self._nearest(near), own)
            bound = self._memory("bound", nearest.shape, torch.float32)
            torch.add(self.quick_static[:, 0], nearest, alpha=self.weights.relevance, out=bound)
            bound.masked_fill_(nearest < floor, -torch.inf)
            _, chunk, rest = _highest(bound, depth.chunks)
            place = (chunk[..., None] * _CHUNK + torch.arange(_CHUNK, device=self.device)).view(readers, -1)
            nearness = self._best("likely", self._of_chunks(near, chunk), own)
            score = torch.add(_at(self.quick_static, chunk).view_as(nearness), nearness, alpha=self.weights.relevance)
            places.append(place)
            scores.append(score.masked_fill_(nearness < floor, -torch.inf))
        followed, cut_off = self._of_followed(follows, depth.followed)
        if followed is not None:
            score = _at(self.static, followed).to(torch.float32) + self.weights.follows
            if near is None:
                # Twice for a reader of whom nothing is known: as one of the day's best, and as one of their show's.
                score += self.weights.popularity
            else:
                score += self.weights.relevance * self._best(
                    "followed", near.gather(2, self._of_each(followed, near)), own
                )
            places.append(followed)
            scores.append(score)
        place, score = torch.cat(places, dim=1), torch.cat(scores, dim=1)
        best, which, left = _highest(score, depth.scored)
        rest = torch.maximum(rest, left)
        chosen = place.gather(1, which).masked_fill(torch.isneginf(best), self.padded)
        # A float32 sum of a few numbers of about 1 is off by less than the last term.
        limit = rest.to(torch.float64) + self.weights.relevance * margin.to(torch.float64) + 1e-5
        return self._once(chosen), limit.masked_fill(cut_off, torch.inf)

    def _near(self, own: _Own) -> tuple[torch.Tensor | None, torch.Tensor]:
        """About `gain` times the cosine of every insight to every interest, (j, b, padded), None without interests; and
        by how much it may be off for each reader, (b,)."""
        import torch  # noqa: PLC0415

        readers, most, dimension = own.vectors.shape
        if not most:
            return None, torch.zeros(readers, device=self.device)
        exact = (own.vectors * own.gain[..., None].to(torch.float32)).transpose(0, 1).reshape(-1, dimension)
        rounded = exact.to(self.quick.dtype)
        near = self._memory("near", (most * readers, self.padded), self.quick.dtype)
        torch.mm(rounded, self.quick.T, out=near)
        # By Cauchy and Schwarz, with 1.01 for vectors that lie on a grid and are not quite of length 1.
        lost = (exact - rounded.to(torch.float32)).norm(dim=1)
        length = exact.norm(dim=1)
        off = 1.01 * (self.lost * (length + lost) + lost + self.off * length)
        return near.view(most, readers, self.padded), off.view(most, readers).amax(0)

    def _nearest(self, near: torch.Tensor) -> torch.Tensor:
        """The highest of each chunk in `near`, (j, b, chunks); 0 where none is above it."""
        import torch  # noqa: PLC0415

        whole = getattr(torch, _BITS[self.precision])
        bits = near.view(whole).view(*near.shape[:2], -1, _CHUNK)
        return torch.amax(bits, -1, out=self._memory("nearest", bits.shape[:3], whole)).clamp_(min=0).view(near.dtype)

    def _of_chunks(self, near: torch.Tensor, chunk: torch.Tensor) -> torch.Tensor:
        """What `near` says of the insights of the chunks (b, m), (j, b, m * 16)."""
        import torch  # noqa: PLC0415

        width = _CHUNK * near.element_size() // _FETCHED_BYTES
        pieces = (chunk[..., None] * width + torch.arange(width, device=self.device)).view(len(chunk), -1)
        return near.view(torch.complex128).gather(2, self._of_each(pieces, near)).view(near.dtype)

    def _of_each(self, place: torch.Tensor, near: torch.Tensor) -> torch.Tensor:
        """Places (b, m) for each of the interests of `near`."""
        return place.clamp(max=near.shape[2] - 1).expand(len(near), -1, -1)

    def _best(self, name: str, near: torch.Tensor, own: _Own) -> torch.Tensor:
        """About how near insights of which `near` (j, b, m) tells are to the best matching interest of each reader.

        In memory that the next call with that name uses again.
        """
        import torch  # noqa: PLC0415

        best, other = (self._memory(f"{what} {name}", near.shape[1:], torch.float32) for what in ("best", "other"))
        for number, one in enumerate(near):
            here = other if number else best
            here.copy_(one).sub_(own.offset[:, number : number + 1].to(torch.float32))
            if number:
                torch.maximum(best, other, out=best)
        return best

    def _vectors(self, name: str, place: torch.Tensor) -> torch.Tensor:
        """The vectors at `place` (b, m): (b, m, d), in memory that the next block uses again."""
        import torch  # noqa: PLC0415

        found = self._memory(name, (place.numel(), self.vectors.shape[1]), self.vectors.dtype)
        return torch.index_select(self.vectors, 0, place.reshape(-1), out=found).view(*place.shape, -1)

    def _pairs(self, pairs: Indices, members: Indices, width: int) -> torch.Tensor:
        """Pairs (reader, number below `width`), in the order of readers, as a table of yes and no, (b, width + 1).

        The last column is no.
        """
        import torch  # noqa: PLC0415

        table = np.zeros((len(members), width + 1), np.bool_)
        first, last = np.searchsorted(pairs[:, 0], [members[0], members[-1] + 1])
        pairs = pairs[first:last]
        if len(pairs):
            row = np.searchsorted(members, pairs[:, 0])
            row[row == len(members)] = 0
            mine = (members[row] == pairs[:, 0]) & (pairs[:, 1] >= 0) & (pairs[:, 1] < width)
            table[row[mine], pairs[mine, 1]] = True
        return torch.from_numpy(table).to(self.device)

    def _of_followed(self, follows: torch.Tensor, most: int) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Where insights of followed shows stand, (b, at most `most`), and whether some of a reader's are left out."""
        import torch  # noqa: PLC0415

        reader, show = follows.nonzero(as_tuple=True)
        length = self.show_start[show + 1] - self.show_start[show]
        total = torch.zeros(len(follows), dtype=torch.int64, device=self.device).index_add_(0, reader, length)
        widest = int(total.max()) if len(total) else 0
        if not widest:
            return None, total > most
        owner = reader.repeat_interleave(length)
        first = (length.cumsum(0) - length).repeat_interleave(length)
        place = self.by_show[
            self.show_start[show].repeat_interleave(length) + torch.arange(len(owner), device=self.device) - first
        ]
        # In each reader's line the best first: `place` is the order of what an insight has without a reader.
        order = torch.argsort(owner * (self.padded + 1) + place)
        owner, place = owner[order], place[order]
        begin = total.cumsum(0) - total
        column = torch.arange(len(owner), device=self.device) - begin[owner]
        kept = column < most
        table = torch.full((len(follows), min(widest, most)), self.padded, dtype=torch.int64, device=self.device)
        table[owner[kept], column[kept]] = place[kept]
        return table, total > most

    def _once(self, place: torch.Tensor) -> torch.Tensor:
        """`place` sorted, what stands there twice once."""
        import torch  # noqa: PLC0415

        place = place.sort(dim=1).values
        again = torch.zeros_like(place, dtype=torch.bool)
        again[:, 1:] = place[:, 1:] == place[:, :-1]
        return place.masked_fill(again, self.padded)

    def _parts(
        self,
        own: _Own,
        aversions: _Own,
        pool: torch.Tensor,
        follows: torch.Tensor,
        vectors: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """The parts of the score of each of the pool, and their sum; it is minus infinity below the relevance floor."""
        import torch  # noqa: PLC0415

        vectors = self.vectors[pool] if vectors is None else vectors
        known = ~torch.isinf(own.offset).all(1) if own.offset.shape[1] else torch.zeros(len(pool), dtype=torch.bool)
        known = known.to(self.device)[:, None]
        cosines = torch.bmm(vectors, own.vectors.transpose(1, 2)).to(torch.float64)
        relevance = torch.zeros(pool.shape, dtype=torch.float64, device=self.device)
        cosine, interest = torch.zeros_like(relevance), torch.full_like(pool, -1)
        if own.offset.shape[1]:
            nearness = own.gain[:, None] * cosines - own.offset[:, None]
            best, interest = nearness.max(dim=2)
            relevance = torch.where(known, best, 0.0)
            cosine = torch.where(known, cosines.gather(2, interest[..., None])[..., 0], 0.0)
            interest = torch.where(known, interest, -1)
        aversion = torch.zeros_like(relevance)
        if aversions.offset.shape[1]:
            off = torch.bmm(vectors, aversions.vectors.transpose(1, 2)).to(torch.float64)
            aversion = (aversions.gain[:, None] * off - aversions.offset[:, None]).amax(2).clamp(min=0.0)
        followed = follows.gather(1, _at(self.show, pool) % follows.shape[1]).to(torch.float64)
        weights = self.weights
        score = (
            weights.relevance * relevance
            + _at(self.static, pool)
            + torch.where(known, 0.0, weights.popularity * _at(self.popularity, pool))
            + weights.follows * followed
            - weights.aversion * aversion
        )
        beside = known & (relevance < weights.relevance_floor) & (followed == 0)
        return {
            "score": score.masked_fill(beside, -torch.inf),
            "relevance": relevance,
            "cosine": cosine,
            "aversion": aversion,
            "follows": followed,
            "interest": interest,
        }

    def _greedy(
        self,
        readers: Readers,
        members: Indices,
        own: _Own,
        place: torch.Tensor,
        bound: torch.Tensor,
        follows: torch.Tensor,
        size: int,
    ) -> tuple[list[dict[str, npt.NDArray[Any]]], Indices, Indices]:
        """Choose from the `size` highest scores.

        Returns:
            The entries of those who have theirs; the positions in `members` of those for whom something that is not at
            `place` may be among the highest, and of those who need more than `size` to choose from.
        """
        import torch  # noqa: PLC0415

        vectors = self._vectors("scored", place)
        parts = self._parts(own, self._own(readers.aversions, members), place, follows, vectors)
        score = self._allowed(readers, members, place, parts["score"])
        # The highest scores; equal ones go to the insight that comes first.
        first = _at(self.insight, place).argsort(dim=1)
        order = first.gather(1, score.gather(1, first).argsort(dim=1, descending=True, stable=True))
        there = torch.isfinite(score).sum(1)
        pool = order[:, :size]
        lowest = score.gather(1, pool[:, -1:])[:, 0] if pool.shape[1] == size else torch.full_like(bound, -torch.inf)
        sure = torch.isneginf(bound) | (lowest > bound)
        # Nobody has more to choose from than everything.
        whole = torch.isneginf(bound) & (there <= size)

        where = place.gather(1, pool)
        wanted = torch.from_numpy(readers.size[members]).to(self.device)
        picked, short = self._one_by_one(score.gather(1, pool), where, wanted, whole)
        done = (sure & ~short).cpu().numpy()
        found = []
        for rank, (reader, entry, high, redundant) in enumerate(picked, start=1):
            who = reader.cpu().numpy()
            kept = done[who]
            part = {name: values[reader, pool[reader, entry]] for name, values in parts.items() if name != "score"}
            columns = {"insight": self.insight[where[reader, entry]], "score": high, "redundancy": redundant, **part}
            found.append(
                {
                    "reader": members[who[kept]],
                    "rank": np.full(int(kept.sum()), rank, np.int64),
                    **{name: values.cpu().numpy()[kept] for name, values in columns.items()},
                }
            )
        return found, np.flatnonzero((~sure).cpu().numpy()), np.flatnonzero((sure & short).cpu().numpy())

    def _allowed(self, readers: Readers, members: Indices, place: torch.Tensor, score: torch.Tensor) -> torch.Tensor:
        """The scores of what stands at `place`, minus infinity where the reader refuses it."""
        if not len(readers.refused):
            return score
        refused = self._pairs(readers.refused, members, self.attribute_count)
        theirs = _at(self.attributes, place)
        hit = refused.gather(1, theirs.view(len(place), -1)).view_as(theirs)
        return score.masked_fill(hit.any(2), -math.inf)

    def _one_by_one(
        self, score: torch.Tensor, where: torch.Tensor, wanted: torch.Tensor, whole: torch.Tensor
    ) -> tuple[list[tuple[torch.Tensor, ...]], torch.Tensor]:
        """Choose each reader's entries from what stands at `where` (b, m), the best first, beside those above.

        Returns:
            For each rank who has an entry there, which of the m it is, its score and its redundancy; and who of those
            that are not `whole`, whom there may be more for, got fewer than `wanted`.
        """
        import torch  # noqa: PLC0415

        rows = torch.arange(len(where), device=self.device)
        vectors = self._vectors("pool", where)
        # For the few that most choose from, all cosines at once are had sooner than five times those to one.
        alike = torch.bmm(vectors, vectors.transpose(1, 2)) if where.shape[1] <= _POOLS[0] else None
        show, cluster = _at(self.show, where), _at(self.cluster, where)
        redundancy = torch.zeros_like(score)
        of_show = torch.zeros_like(where)
        short = torch.zeros_like(whole)
        picked: list[tuple[torch.Tensor, ...]] = []
        for rank in range(1, int(wanted.max()) + 1):
            current = score - self.weights.redundancy * redundancy
            # Of equals the first: `max` alone promises none.
            highest = current.amax(1)
            best = (current == highest[:, None]).to(torch.int8).argmax(1)
            alive = (rank <= wanted) & torch.isfinite(highest)
            short |= (rank <= wanted) & ~alive & ~whole
            if not bool(alive.any()):
                break
            picked.append((rows[alive], best[alive], highest[alive], redundancy[rows[alive], best[alive]]))
            if alike is not None:
                near = alike[rows, best]
            else:
                near = torch.bmm(vectors[rows, best][:, None], vectors.transpose(1, 2))[:, 0]
            redundancy = torch.maximum(redundancy, near.to(torch.float64))
            of_show += show == show[rows, best][:, None]
            gone = (cluster == cluster[rows, best][:, None]) | (of_show >= self.weights.per_show)
            score = score.masked_fill(gone, -torch.inf)
            score[rows, best] = -torch.inf
        return picked, short


def _highest(score: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The `count` highest of each row of (b, m), in no order, where they stand, and what no other is above."""
    best, which = score.topk(min(count, score.shape[1]), dim=1, sorted=False)
    return best, which, best.amin(1) if count < score.shape[1] else best.new_full((len(best),), -math.inf)


def _at(column: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """The rows of `column` at `place`, in its shape; faster than `column[place]`."""
    return column.index_select(0, place.reshape(-1)).view(*place.shape, *column.shape[1:])


def _joined(parts: Sequence[dict[str, npt.NDArray[Any]]]) -> Picks:
    whole = {"reader", "insight", "rank", "interest"}
    names = Picks.__dataclass_fields__
    empty = {name: np.zeros(0, np.int64 if name in whole else np.float64) for name in names}
    joined = {name: np.concatenate([empty[name], *(part[name] for part in parts)]) for name in names}
    order = np.lexsort((joined["rank"], joined["reader"]))
    return Picks(**{name: values[order] for name, values in joined.items()})
