"""One pass of a model over the texts, shard by shard: a shard goes to disk while the next one is computed."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.align import TokenizedTexts
from pipeline.batches import Shard
from pipeline.errors import PipelineError
from pipeline.heads import NotFiniteError, capture
from pipeline.models import LoadedModel
from pipeline.progress import tell
from pipeline.reader import Batch
from pipeline.work import Rows, shard_path, write_shard

Ints = NDArray[np.int64]


class Pass:
    """A model that goes over texts.

    Attributes:
        model: The model.
        tokens: The texts, and what is read of them.
        example_ids: Name of each example, for messages.
        kind: `trained`, or `untrained` for the twin.
        narrow: As for `capture`.
        parts: Into how many each batch is cut: twice as many whenever the memory does not hold one of them.
    """

    def __init__(
        self, model: LoadedModel, tokens: TokenizedTexts, example_ids: list[str], kind: str, narrow: bool
    ) -> None:
        self.model, self.tokens, self.example_ids, self.kind, self.narrow = model, tokens, example_ids, kind, narrow
        self.parts = 1

    def run(self, folder: Path, shards: list[Shard], done: Callable[[int], object]) -> None:
        """Compute shards and write them; two at most are in memory, one of them being written.

        Args:
            folder: The work in progress.
            shards: Those to compute.
            done: Called with the number of examples of every shard that is computed.

        Raises:
            PipelineError: If an activation is not finite, or the memory too small for one text.
            OSError: If the disk is full.
        """
        with ThreadPoolExecutor(1) as writer:
            pending: Future[None] | None = None
            for shard in shards:
                rows = self._shard(shard)
                done(len(rows))
                if pending is not None:
                    pending.result()
                pending = writer.submit(write_shard, shard_path(folder, self.kind, shard.number), rows)
            if pending is not None:
                pending.result()

    def _shard(self, shard: Shard) -> Rows:
        """Return the rows of a shard, in the order of its examples."""
        rows: list[Rows] = []
        for texts, examples in self._cut(shard.examples, shard.batches):
            rows += self._piece(texts, examples, 1)
        return np.concatenate(rows)

    def _cut(self, examples: Ints, pieces: Sequence[Ints]) -> Iterator[tuple[Ints, Ints]]:
        """Yield pieces of the texts with the examples that read them, which are in the order of the texts."""
        read = self.tokens.text[examples]
        start = 0
        for piece in pieces:
            count = int(np.isin(read, piece).sum())
            yield piece, examples[start : start + count]
            start += count
        assert start == len(examples)

    def _piece(self, texts: Ints, examples: Ints, parts: int) -> list[Rows]:
        """Return the rows of one of so many parts of a batch, in halves where memory does not or did not hold it."""
        if parts >= self.parts or len(texts) == 1:
            try:
                return [self._rows(texts, examples)]
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                self._make_room(texts, str(error), 2 * parts)
        halves = self._cut(examples, np.array_split(texts, 2))  # out of the handler, which keeps tensors alive
        return [rows for own, readers in halves for rows in self._piece(own, readers, 2 * parts)]

    def _make_room(self, texts: Ints, reason: str, parts: int) -> None:
        longest = int(self.tokens.lengths[texts].max())
        if len(texts) == 1:
            raise PipelineError(
                f"one text of {longest} tokens does not fit in memory ({reason.splitlines()[0]}); drop long texts, or "
                "take a smaller model, half precision (`extract.precision`) or all GPUs (`extract.device: split`)"
            )
        self.parts = parts
        tell(f"out of memory with {len(texts)} texts of {longest} tokens: smaller batches from now")
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    def _rows(self, texts: Ints, examples: Ints) -> Rows:
        place = {int(text): number for number, text in enumerate(texts)}
        tokens = self.tokens
        batch = Batch(
            [tokens.ids_of(int(text)) for text in texts],
            torch.tensor([place[int(text)] for text in tokens.text[examples]]),
            torch.from_numpy(tokens.first[examples]),
            torch.from_numpy(tokens.last[examples]),
        )
        try:
            rows: Rows = capture(self.model, batch, untrained=self.kind == "untrained", narrow=self.narrow).numpy()
        except NotFiniteError as error:
            raise error.of_example(self.example_ids[examples[error.row]]) from None
        return rows


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)  # the latter on the CPU
