"""The probes of all folds as one: the arithmetic against slow loops, laws, and what is refused."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from probes.errors import ProbeError
from probes.joined import apply_probe, join_folds

Probes = dict[str, np.ndarray]
HEADS, FOLDS, WIDTH, N = 3, 4, 5, 12


def random_probes(n_logits: int, rng: np.random.Generator) -> Probes:
    shape = (HEADS, FOLDS)
    return {
        "coef": rng.normal(size=(*shape, n_logits, WIDTH)).astype(np.float32),
        "intercept": rng.normal(size=(*shape, n_logits)).astype(np.float32),
        "mean": rng.normal(size=(*shape, WIDTH)).astype(np.float32),
        "scale": rng.uniform(0.5, 2, size=(*shape, WIDTH)).astype(np.float32),
        "strength": np.ones(shape, dtype=np.float32),
    }


def apply(x: np.ndarray, probes: Probes) -> np.ndarray:
    return apply_probe(x, join_folds(**probes))


def slowly(x: np.ndarray, probes: Probes, head: int, example: int) -> list[float]:
    """Return the log-probabilities of one example: every fold's probe by itself, averaged, made to add up to one."""
    said = []
    for k in range(probes["coef"].shape[1]):
        scaled = [(float(x[head, example, i]) - float(probes["mean"][head, k, i])) for i in range(x.shape[2])]
        scaled = [value / float(probes["scale"][head, k, i]) for i, value in enumerate(scaled)]
        logits = [
            sum(float(w) * value for w, value in zip(weights, scaled, strict=True)) + float(start)
            for weights, start in zip(probes["coef"][head, k], probes["intercept"][head, k], strict=True)
        ]
        logits = [0.0, *logits] if len(logits) == 1 else logits
        total = math.log(sum(math.exp(logit) for logit in logits))
        said.append([logit - total for logit in logits])
    mean = [sum(column) / len(said) for column in zip(*said, strict=True)]
    total = math.log(sum(math.exp(value) for value in mean))
    return [value - total for value in mean]


@pytest.mark.parametrize(("n_logits", "n_classes"), [(1, 2), (3, 3), (4, 4)])
def test_the_folds_together_equal_a_slow_loop(n_logits: int, n_classes: int) -> None:
    rng = np.random.default_rng(n_logits)
    x, probes = rng.normal(size=(HEADS, N, WIDTH)).astype(np.float16), random_probes(n_logits, rng)
    found = apply(x, probes)
    assert found.shape == (HEADS, N, n_classes) and found.dtype == np.float64
    slow = [[slowly(x, probes, head, example) for example in range(N)] for head in range(HEADS)]
    np.testing.assert_allclose(found, slow, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.exp(found).sum(-1), 1)


@pytest.mark.parametrize("n_logits", [1, 3])
def test_a_large_mean_costs_no_digits(n_logits: int) -> None:
    rng = np.random.default_rng(0)
    x, probes = rng.normal(size=(HEADS, N, WIDTH)).astype(np.float32), random_probes(n_logits, rng)
    moved = probes | {"mean": np.round(probes["mean"] * 64) / 64 + 4096}  # exact in single precision, as are these x
    x = np.round(x * 64) / 64
    near = probes | {"mean": np.round(probes["mean"] * 64) / 64}
    np.testing.assert_allclose(apply(x + 4096, moved), apply(x, near), atol=1e-9)


def test_equal_folds_say_what_one_says() -> None:
    rng = np.random.default_rng(1)
    x, probes = rng.normal(size=(HEADS, N, WIDTH)), random_probes(3, rng)
    one = {name: array[:, :1] for name, array in probes.items()}
    four = {name: np.repeat(array, 4, axis=1) for name, array in one.items()}
    np.testing.assert_allclose(apply(x, four), apply(x, one), atol=1e-12)


def test_permuted_heads_give_permuted_results() -> None:
    rng = np.random.default_rng(2)
    x, probes, order = rng.normal(size=(HEADS, N, WIDTH)), random_probes(1, rng), [2, 0, 1]
    permuted = {name: array[order] for name, array in probes.items()}
    np.testing.assert_array_equal(apply(x[order], permuted), apply(x, probes)[order])


@pytest.mark.parametrize(
    "change",
    [
        lambda x, probes: (x[:2], probes),
        lambda x, probes: (x[:, :, :4], probes),
        lambda x, probes: (x, probes | {"mean": probes["mean"][:, :3]}),
        lambda x, probes: (x, probes | {"intercept": probes["intercept"][..., :1]}),
        lambda x, probes: (x, probes | {"scale": probes["scale"][:, :, :1]}),
        lambda x, probes: (x, probes | {"strength": probes["strength"][:, :1]}),
    ],
)
def test_probes_of_another_shape_are_refused(change: Callable[..., tuple[np.ndarray, Probes]]) -> None:
    rng = np.random.default_rng(3)
    x, probes = change(rng.normal(size=(HEADS, N, WIDTH)), random_probes(3, rng))
    with pytest.raises(ProbeError, match=r"probes: .*(train|make) the probes"):
        apply(x, probes)
