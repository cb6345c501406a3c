"""The formulas of docs/method.md, written out once more as they stand there, give what the code gives."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm, t
from sklearn.linear_model import Ridge

from probes.evidence import Bootstrap, score_columns
from probes.intervals import cluster_bootstrap
from probes.multiplicity import holm_over_cells
from probes.null import max_statistic_null, refitted_accuracies
from probes.profiles import crossed_interval
from probes.rungs import EVIDENCE, RUNGS
from probes.simultaneous import stretch
from probes.table import BASELINES
from probes.taxonomy import score_heads, specialisation
from probes.turned import turned_columns
from tests.docs import pages
from tests.pipeline.taxonomy.project import PLACES

PAGE = pages.read(pages.ROOT / "docs/method.md")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_interval(rng):
    groups = np.repeat(np.arange(25), rng.integers(1, 6, 25))
    scores = rng.random((3, len(groups))) < np.array([[0.6], [0.8], [0.95]])
    confidence, n_draws, n_groups = 0.9, 400, 25
    ends = []
    for row in scores.astype(float):
        S = np.array([row[groups == g].sum() for g in range(n_groups)])
        n = np.bincount(groups)
        m = S.sum() / n.sum()
        r = S - m * n
        a = (r**3).sum() / (6 * (r**2).sum() ** 1.5)
        rho = (5 / 3) ** 0.25 * t.ppf((1 + confidence) / 2, n_groups - 1) * math.sqrt(n_groups / (n_groups - 1))
        levels = [norm.cdf(a + (a + x) / (1 - a * (a + x))) for x in (-rho, rho)]
        drawn = np.random.default_rng(7).integers(0, n_groups, (n_draws, n_groups))
        means = [S[draw].sum() / n[draw].sum() for draw in drawn]
        ends.append(np.quantile(means, levels))
    np.testing.assert_allclose(np.transpose(ends), cluster_bootstrap(scores, groups, n_draws, confidence, seed=7))


def test_the_interval_where_all_groups_score_alike():
    low, high = cluster_bootstrap(np.ones((1, 40), dtype=bool), np.arange(40) // 2, 50, 0.95, seed=0)
    assert (low[0], high[0]) == (pytest.approx(1 - (1 - ((1 - 0.95) / 2) ** (1 / 20))), 1.0)


def test_the_one_step_probe_and_its_p_value(rng):
    n, k, strength = 90, 3, 0.05
    labels, folds = np.arange(n) % k, np.arange(n) // k % 3
    x = rng.normal(size=(4, n, 5)) * rng.uniform(0.5, 3, 5)
    x[1, :, 0] += 2 * labels
    accuracies = []
    for head in x:
        right = 0
        for fold in range(3):
            train = folds != fold
            scaled = (head - head[train].mean(0)) / head[train].std(0)
            ridge = Ridge(alpha=k**2 / ((k - 1) * strength)).fit(scaled[train], np.eye(k)[labels[train]])
            right += (ridge.predict(scaled[~train]).argmax(1) == labels[~train]).sum()
        accuracies.append(right / n)
    heads = torch.from_numpy(x)
    ours = refitted_accuracies(heads, torch.from_numpy(labels)[None], torch.from_numpy(folds), strength)
    np.testing.assert_allclose(ours[:, 0], accuracies)
    null = max_statistic_null([heads], labels, np.arange(n), folds, strength, n_draws=49, seed=0)
    p_values = [(1 + sum(best >= accuracy for best in null.best)) / (1 + 49) for accuracy in accuracies]
    np.testing.assert_allclose(null.p_values, p_values)


def test_holms_procedure_over_cells(rng):
    p = rng.random((5, 4)) ** 3
    p[0] = [0.001, 0.002, 0.001, 0.003]  # a cell of which all heads are rejected
    m, M = len(p), np.sort(p.max(1))

    def adjusted(value: float) -> float:
        levels = [max([(m - j) * value, *((m - i + 1) * M[i - 1] for i in range(1, j + 1))]) for j in range(m)]
        return min(1.0, *levels)

    np.testing.assert_allclose(holm_over_cells(p), [[adjusted(value) for value in cell] for cell in p])


def test_the_stretch(rng):
    v = rng.normal(size=(200, 30)) * rng.uniform(0.01, 0.1, 30)
    reached = ((v - v.mean(0)) / v.std(0)).max(1)
    wanted = np.quantile(reached, 0.975, method="higher") / norm.ppf(0.975)
    assert stretch({"a": v[:, :10], "b": v[:, 10:]}, 0.95) == pytest.approx(wanted)


def test_the_p_value_against_turned_probes(rng):
    n, accuracy, turned = 120, np.array([0.6, 0.75]), rng.binomial(120, 0.5, (2, 99)) / 120
    q = {share: norm.ppf((n * share + 0.5) / (n + 1)) for share in {*accuracy, *turned.ravel()}}
    of_turns = np.array([[q[share] for share in row] for row in turned])
    mu, sigma = of_turns.mean(1), of_turns.std(1)
    most = ((of_turns - mu[:, None]) / sigma[:, None]).max(0)
    wanted = [(1 + (most >= (q[accuracy[h]] - mu[h]) / sigma[h]).sum()) / 100 for h in range(2)]
    np.testing.assert_allclose(turned_columns(accuracy, turned, n)["p_value"], wanted)


def test_the_interval_of_a_layer(rng):
    x = rng.normal(size=(6, 4)) + rng.normal(size=4)  # heads x features
    H, F = x.shape
    A, B = H * x.mean(0).var(ddof=1), F * x.mean(1).var(ddof=1)
    rest = x - x.mean(0) - x.mean(1)[:, None] + x.mean()
    R = (rest**2).sum() / ((H - 1) * (F - 1))
    V = max(A + B - R, A, B)
    nu = max(1, V**2 / (A**2 / (F - 1) + B**2 / (H - 1)))
    reach = t.ppf(0.975, nu) * math.sqrt(V / (H * F))
    np.testing.assert_allclose(crossed_interval(x, 0.95), (x.mean() - reach, x.mean() + reach))


def test_specialisation():
    shares = np.array([0.4, 0.1, 0.1]) / 0.6
    wanted = 1 - (-(shares * np.log(shares)).sum()) / math.log(5)
    assert specialisation({"a": 0.4, "b": 0.1, "c": 0.1}, 5) == pytest.approx(wanted)


def test_information(rng):
    labels = np.array([0, 1, 1, 2] * 10)
    proba = rng.dirichlet(np.ones(3), size=(1, 40))
    shares = np.bincount(labels) / 40
    wanted = -(shares * np.log2(shares)).sum() - np.mean([-np.log2(proba[0, i, y]) for i, y in enumerate(labels)])
    found = score_columns(np.log(proba).astype(np.float32), labels, np.arange(40), Bootstrap(5, 0.9, 0))
    assert found["information_bits"][0] == pytest.approx(wanted, rel=1e-5)


def test_the_rungs_are_those_of_the_code():
    rows = re.findall(r"^\| (\d) \| ([a-z ]+) \|", PAGE, re.MULTILINE)
    readme = re.findall(r"^\| (\d) \| ([a-z ]+) \|", pages.read(pages.ROOT / "README.md"), re.MULTILINE)
    assert rows == readme == [(str(number), name) for number, name, _ in RUNGS]


def test_the_baselines_are_those_of_the_results_table():
    assert re.findall(r"^\| `(\w+)` \| [a-zA-Z$]", PAGE, re.MULTILINE)[: len(BASELINES)] == list(BASELINES)


def test_maths_stands_in_one_line_and_survives_markdown():
    pieces = re.findall(r"\$([^$]+)\$", re.sub(r"`[^`]*`", "", pages.prose(PAGE)))
    assert len(pieces) > 50
    assert [piece for piece in pieces if "\n" in piece] == []
    # Markdown takes the backslash away before a mark of punctuation
    assert [piece for piece in pieces if re.search(r"\\[^A-Za-z]", piece)] == []


def test_scores_that_compare_features(rng):
    rows = pd.DataFrame(PLACES, columns=["layer", "head"]).assign(
        model="m", feature="f", dataset="d", family="truth", p_value=0.5, accuracy=rng.random(4), majority=0.4
    )
    rows = rows.assign(accuracy_low=rows["accuracy"], accuracy_high=rows["accuracy"], attention="self")
    rows = rows.assign(**dict.fromkeys(EVIDENCE, 0.0))
    np.testing.assert_allclose(score_heads(rows, 0.05)["share"], (rows["accuracy"] - 0.4) / (1 - 0.4))
