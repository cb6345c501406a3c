"""One pass over the texts: the rows are those of every example alone, also where the memory does not hold a batch."""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline import extraction
from pipeline.align import TokenizedTexts
from pipeline.batches import plan_shards
from pipeline.errors import PipelineError
from pipeline.extraction import Pass
from pipeline.heads import NotFiniteError, capture
from pipeline.layout import array_shapes, row_width
from pipeline.models import LoadedModel, wrap_model
from pipeline.reader import Batch
from pipeline.recomposition import check_batching
from pipeline.work import read_shard, shard_path
from tests.pipeline.toy import Attention, Block, toy_body

N_TEXTS, N_EXAMPLES = 60, 130
IDS = [f"e{number}" for number in range(N_EXAMPLES)]


class Case:
    """A tiny model, texts of 1 to 9 tokens, each with a reader at least, and their shards."""

    def __init__(self) -> None:
        self.model = wrap_model(toy_body(Block(Attention()), Block(Attention(2, 3))), "toy")
        self.tokens = _tokens(np.random.default_rng(0))
        self.shards = plan_shards(self.tokens.lengths, self.tokens.text, 63, 22)
        assert len(self.shards) > 2
        check_batching(self.model, "toy")
        assert 8 <= max(self.sizes) < 2 * self.sizes[0]

    @property
    def sizes(self) -> list[int]:
        """Texts in each batch."""
        return [len(batch) for shard in self.shards for batch in shard.batches]

    def run(self, folder: Path, kind: str = "trained", narrow: bool = False) -> Pass:
        folder.mkdir(exist_ok=True)
        own = Pass(self.model, self.tokens, IDS, kind, narrow)
        own.run(folder, self.shards, lambda _count: None)
        return own

    def rows(self, folder: Path, kind: str = "trained") -> Iterator[np.ndarray]:
        width = row_width(array_shapes(self.model, untrained=kind == "untrained"))
        for shard in self.shards:
            yield read_shard(shard_path(folder, kind, shard.number), (len(shard.examples), width))

    def alone(self, example: int, kind: str) -> np.ndarray:
        first, last = (torch.from_numpy(at[example : example + 1]) for at in (self.tokens.first, self.tokens.last))
        batch = Batch([self.tokens.ids_of(int(self.tokens.text[example]))], torch.tensor([0]), first, last)
        return capture(self.model, batch, untrained=kind == "untrained").numpy()[0]


def _tokens(random: np.random.Generator) -> TokenizedTexts:
    lengths = random.integers(1, 10, N_TEXTS)
    text = random.permutation(np.concatenate([np.arange(N_TEXTS), random.integers(0, N_TEXTS, N_EXAMPLES - N_TEXTS)]))
    last = (random.random(N_EXAMPLES) * lengths[text]).astype(np.int64)
    first = np.where(np.arange(N_EXAMPLES) % 3, last, 0)  # every third one reads a mean
    ids = random.integers(0, 50, lengths.sum()).astype(np.int32)
    return TokenizedTexts(ids, np.concatenate([[0], np.cumsum(lengths)]), text, first, last)


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.mark.parametrize("kind", ["trained", "untrained"])
def test_rows_are_those_of_every_example_alone(kind: str, case: Case, tmp_path: Path) -> None:
    done: list[int] = []
    Pass(case.model, case.tokens, IDS, kind, narrow=False).run(tmp_path, case.shards, done.append)
    assert done == [len(shard.examples) for shard in case.shards]
    for shard, rows in zip(case.shards, case.rows(tmp_path, kind), strict=True):
        expected = [case.alone(example, kind) for example in shard.examples]
        np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)


def test_shards_of_other_processes_are_left_to_them(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path / "all")
    names = [f"trained-{shard.number:05d}.npy" for shard in case.shards]
    case.shards = case.shards[1::2]
    case.run(tmp_path / "some")
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == names
    assert sorted(path.name for path in (tmp_path / "some").iterdir()) == names[1::2]
    for name in names[1::2]:
        assert (tmp_path / "some" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


@pytest.mark.parametrize("narrow", [True, False])
def test_the_pass_says_whether_tokens_may_be_left_out(
    narrow: bool, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, bool]] = []

    def zeros(_model: LoadedModel, batch: Batch, **options: bool) -> torch.Tensor:
        asked.append(options)
        return torch.zeros(len(batch.text), 2)

    monkeypatch.setattr(extraction, "capture", zeros)
    case.run(tmp_path, narrow=narrow)
    case.run(tmp_path, "untrained", narrow=narrow)
    count = len(case.sizes)
    assert asked == [{"untrained": twin, "narrow": narrow} for twin in [False] * count + [True] * count]


def _on_cpu() -> None:
    torch.empty(2**50, dtype=torch.uint8)  # a real one


def _on_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has")


@pytest.fixture(params=[_on_cpu, _on_gpu])
def small_memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Makes a memory that holds so many texts; the list fills with what was asked of it."""

    def make(limit: int) -> list[int]:
        asked: list[int] = []

        def limited(model: LoadedModel, batch: Batch, **options: bool) -> torch.Tensor:
            asked.append(len(batch.ids))
            if len(batch.ids) > limit:
                request.param()
            return capture(model, batch, **options)

        monkeypatch.setattr(extraction, "capture", limited)
        return asked

    return make


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_batches_that_memory_does_not_hold_are_halved_and_give_the_same_rows(
    limit: int,
    case: Case,
    tmp_path: Path,
    small_memory: Callable[[int], list[int]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    case.run(tmp_path / "large")
    assert capsys.readouterr().err == ""
    asked = small_memory(limit)
    own = case.run(tmp_path / "small")
    for small, large in zip(case.rows(tmp_path / "small"), case.rows(tmp_path / "large"), strict=True):
        np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-5)
    assert sum(count for count in asked if count <= limit) == N_TEXTS  # what was finished is not computed again
    failed = [count for count in asked if count > limit]
    lines = capsys.readouterr().err.splitlines()
    halvings = math.ceil(math.log2(max(case.sizes) / limit))
    assert len(lines) == len(failed) == halvings > 0  # what did not fit once is not tried again
    assert own.parts == 2**halvings
    for count, line in zip(failed, lines, strict=True):
        assert re.fullmatch(rf"out of memory with {count} texts of \d tokens: smaller batches from now", line)


def test_batches_are_smaller_from_then_on(case: Case, tmp_path: Path, small_memory: Callable[[int], list[int]]) -> None:
    asked = small_memory(case.sizes[0] - 1)
    case.run(tmp_path)
    halves = [len(half) for size in case.sizes for half in np.array_split(np.empty(size), min(2, size))]
    assert asked == [case.sizes[0], *halves]  # one failure for all


def test_every_text_runs_once_and_in_its_batch_where_memory_holds_it(
    case: Case, tmp_path: Path, small_memory: Callable[[int], list[int]]
) -> None:
    asked = small_memory(N_TEXTS)
    assert case.run(tmp_path).parts == 1
    assert asked == case.sizes


def test_a_text_that_does_not_fit_alone_is_refused(
    case: Case, tmp_path: Path, small_memory: Callable[[int], list[int]]
) -> None:
    small_memory(0)
    reason = r"\([^\n]*allocate[^\n]*\)"
    message = rf"^one text of 9 tokens does not fit in memory {reason}; drop long texts, or take a smaller model, half"
    with pytest.raises(PipelineError, match=message):
        case.run(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes"), IndexError("index out of range"), OSError(5)])
def test_every_other_error_passes_through(
    error: Exception, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: Any, **_options: Any) -> None:
        raise error

    monkeypatch.setattr(extraction, "capture", fails)
    with pytest.raises(type(error)) as caught:
        case.run(tmp_path)
    assert caught.value is error


def test_a_number_that_is_not_finite_is_named_by_its_example(case: Case, tmp_path: Path) -> None:
    table, tokens = case.model.body.tokens.weight, case.tokens
    example = int(case.shards[1].examples[-1])
    with torch.no_grad():
        table[tokens.ids_of(int(tokens.text[example])).tolist()] = torch.nan
    with pytest.raises(NotFiniteError, match=r"^residual stream entering layer 0, example e\d+: not a") as caught:
        case.run(tmp_path)
    named = int(str(caught.value).split("example e")[1].split(":")[0])
    read = tokens.ids_of(int(tokens.text[named]))[tokens.first[named] : tokens.last[named] + 1]
    assert table[read.tolist()].isnan().any()


def test_what_was_computed_before_the_end_is_written(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = iter(range(len(case.sizes)))

    def stopped(model: LoadedModel, batch: Batch, **options: bool) -> torch.Tensor:
        if next(batches) == len(case.shards[0].batches) + len(case.shards[1].batches):
            raise KeyboardInterrupt
        return capture(model, batch, **options)

    monkeypatch.setattr(extraction, "capture", stopped)
    with pytest.raises(KeyboardInterrupt):
        case.run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trained-00000.npy", "trained-00001.npy"]


@pytest.mark.parametrize("at", [0, 1, -1])
def test_a_shard_that_cannot_be_written_ends_the_pass(
    at: int, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, number = extraction.write_shard, case.shards[at].number

    def full(path: Path, rows: np.ndarray) -> None:
        if path.name == f"trained-{number:05d}.npy":
            raise OSError(28, "No space left on device")
        write(path, rows)

    monkeypatch.setattr(extraction, "write_shard", full)
    with pytest.raises(OSError, match="No space left on device"):
        case.run(tmp_path)
    names = [f"trained-{before:05d}.npy" for before in range(number)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names  # and none after it
