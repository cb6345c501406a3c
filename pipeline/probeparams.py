"""The section `probe` of params.yaml, checked."""

from dataclasses import dataclass

from pipeline.errors import PipelineError

NULL_PROBES = ("one_step", "full")


@dataclass(frozen=True)
class ProbeParams:
    """The section `probe` of params.yaml.

    Attributes:
        c_grid: Inverse L2 strengths to choose from, ascending.
        controls: Control tasks; their mean is reported.
        permutations: Draws of the null.
        null_probe: What is fitted to every draw: `one_step`, or `full` to check it.
        bootstrap: Replicates of the intervals.
        confidence: Coverage of the intervals.
        replicates: Replicates of every criterion, for the stability of the labels.
        deals: Other deals of the groups to folds that the replicates are drawn from, beside the first.
        sets: Sizes of the sets of heads that are probed together, ascending from 1.
        random_sets: Random sets of each size, to compare with.
        codelength: Whether to measure the online codelength, too.
        seed: Of control tasks, projections, permutations, bootstrap and the order of the codelength.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """

    c_grid: tuple[float, ...]
    controls: int
    permutations: int
    null_probe: str
    bootstrap: int
    confidence: float
    replicates: int
    deals: int
    sets: tuple[int, ...]
    random_sets: int
    codelength: bool
    seed: int
    device: str

    def __post_init__(self) -> None:
        place = "params.yaml: probe"
        if list(self.c_grid) != sorted(set(self.c_grid)) or self.c_grid[0] <= 0:
            raise PipelineError(f"{place}.c_grid: expected ascending numbers above 0, got {list(self.c_grid)}")
        if self.permutations < 1 or self.bootstrap < 1 or self.controls < 1:
            raise PipelineError(f"{place}: permutations, bootstrap and controls must be at least 1")
        if self.replicates < 1 or self.deals < 0:
            raise PipelineError(f"{place}: replicates must be at least 1, deals at least 0")
        if list(self.sets) != sorted(set(self.sets)) or self.sets[0] != 1 or self.random_sets < 1:
            raise PipelineError(
                f"{place}: sets have to ascend from 1, got {list(self.sets)}; random_sets has to be at least 1"
            )
        if not 0 < self.confidence < 1:
            raise PipelineError(f"{place}.confidence: expected a share between 0 and 1, got {self.confidence}")
        if self.null_probe not in NULL_PROBES:
            raise PipelineError(f"{place}.null_probe: {self.null_probe!r} is not one of {', '.join(NULL_PROBES)}")
        if self.seed < 0:
            raise PipelineError(f"{place}.seed: expected 0 or more, got {self.seed}")
