"""The estimator against scikit-learn's pipeline, and scikit-learn's conventions."""

import re
import warnings

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from probes import estimator
from probes.errors import ProbeError
from probes.estimator import HeadClassifier
from probes.solver import Solutions, solve

Floats = NDArray[np.float64]
Labels = NDArray[np.str_]
NAMES = np.array(["cat", "dog", "eel", "ant"])


def heads(n_classes: int = 2, n: int = 200) -> tuple[Floats, Labels]:
    rng = np.random.default_rng(n_classes)
    numbers = rng.permutation(np.arange(n) % n_classes)
    x = rng.normal(size=(3, n, 6))
    x += np.array([0, 0.5, 1.5])[:, None, None] * rng.normal(size=(3, n_classes, 6))[:, numbers]
    return x * 10.0 ** np.arange(-3, 3) + np.arange(6) * 7, NAMES[numbers]


def pipelines(x: Floats, y: Labels, strength: float) -> list[Pipeline]:
    model = LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-10)
    return [make_pipeline(StandardScaler(), clone(model)).fit(head, y) for head in x]


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_every_head_is_scikit_learns_pipeline(n_classes: int, strength: float) -> None:
    x, y = heads(n_classes)
    probes = HeadClassifier(C=strength).fit(x[:, :150], y[:150])
    assert probes.converged_.all()
    assert probes.classes_.tolist() == sorted(NAMES[:n_classes])
    for head, slow in enumerate(pipelines(x[:, :150], y[:150], strength)):
        scaler, model = slow[0], slow[1]
        # Within 1e-8 of an objective whose curvature at C = 100 is 100 times flatter in weights than in the loss.
        close = {"rtol": 1e-3, "atol": 1e-3 * np.abs(model.coef_).max()}
        np.testing.assert_allclose(probes.coef_[head] * scaler.scale_, model.coef_, **close)
        intercept = probes.intercept_[head] + probes.coef_[head] @ scaler.mean_
        fixed = model.intercept_ - (model.intercept_.mean() if n_classes > 2 else 0)
        np.testing.assert_allclose(intercept, fixed, rtol=1e-3, atol=2e-3)
        np.testing.assert_allclose(probes.predict_proba(x)[head], slow.predict_proba(x[head]), rtol=0, atol=2e-3)
        assert (probes.predict(x)[head] == slow.predict(x[head])).mean() >= 0.99


@pytest.mark.parametrize("n_classes", [2, 4])
def test_logits_probabilities_and_predictions_agree_with_each_other(n_classes: int) -> None:
    x, y = heads(n_classes)
    probes = HeadClassifier().fit(x, y)
    logits = probes.decision_function(x)
    expected = np.einsum("hnd,hkd->hnk", x, probes.coef_) + probes.intercept_[:, None]
    proba = probes.predict_proba(x)
    assert logits.shape == ((3, 200) if n_classes == 2 else (3, 200, n_classes))
    np.testing.assert_allclose(logits, expected[..., 0] if n_classes == 2 else expected, rtol=1e-9, atol=1e-9)
    assert proba.shape == (3, 200, n_classes)
    np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-12)
    np.testing.assert_allclose(np.log(proba), probes.predict_log_proba(x), rtol=1e-9, atol=1e-12)
    if n_classes == 2:
        np.testing.assert_allclose(proba[..., 1], 1 / (1 + np.exp(-logits)), rtol=1e-9)
    assert (probes.predict(x) == probes.classes_[proba.argmax(-1)]).all()
    np.testing.assert_allclose(probes.score(x, y), (probes.predict(x) == y).mean(1))
    assert probes.score(x, y)[2] > 0.9 > probes.score(x, y)[0]


def test_shapes_and_types_are_those_promised() -> None:
    x, y = heads(3)
    probes = HeadClassifier().fit(x, y)
    assert probes.coef_.shape == (3, 3, 6) and probes.intercept_.shape == (3, 3) and probes.converged_.shape == (3,)
    assert probes.coef_.dtype == probes.intercept_.dtype == np.float64
    assert probes.n_features_in_ == 6


def test_one_head_may_come_without_its_axis() -> None:
    x, y = heads()
    flat, deep = HeadClassifier().fit(x[1], y), HeadClassifier().fit(x[1:2], y)
    np.testing.assert_array_equal(flat.coef_, deep.coef_)
    assert flat.predict(x[1]).shape == (1, 200)


@pytest.mark.parametrize("kind", ["str", "int", "bool", "object"])
def test_labels_of_any_kind_come_back_as_they_were(kind: str) -> None:
    x, y = heads()
    known = {"str": y, "int": np.where(y == "cat", -7, 40), "bool": y == "dog", "object": y.astype(object)}[kind]
    predicted = HeadClassifier().fit(x, known).predict(x)
    assert predicted.dtype == known.dtype
    assert (predicted[2] == known).mean() > 0.9


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_inputs_of_every_floating_type_are_taken(dtype: type) -> None:
    x, y = heads()
    narrow = (x / 100).astype(dtype)
    right = HeadClassifier().fit(narrow.astype(np.float64), y)
    np.testing.assert_allclose(
        HeadClassifier().fit(narrow, y).predict_proba(narrow), right.predict_proba(narrow), atol=1e-3
    )


def test_lists_are_taken() -> None:
    x, y = heads()
    np.testing.assert_array_equal(HeadClassifier().fit(x.tolist(), y.tolist()).coef_, HeadClassifier().fit(x, y).coef_)


def test_a_clone_has_the_parameters_and_nothing_learnt() -> None:
    x, y = heads()
    probes = HeadClassifier(C=0.25, device="cpu").fit(x, y)
    copy = clone(probes)
    assert copy.get_params() == {"C": 0.25, "device": "cpu"}
    assert not hasattr(copy, "coef_")
    np.testing.assert_array_equal(copy.fit(x, y).coef_, probes.coef_)
    assert copy.set_params(C=2.0).C == 2.0


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_who_is_not_fitted_predicts_nothing(method: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(HeadClassifier(), method)(heads()[0])


def test_two_fits_are_equal_to_the_bit() -> None:
    x, y = heads(3)
    first, second = HeadClassifier().fit(x, y), HeadClassifier().fit(x, y)
    np.testing.assert_array_equal(first.coef_, second.coef_)


X, Y = heads()


@pytest.mark.parametrize(
    ("x", "y", "strength", "message"),
    [
        (X[0, 0], Y, 1.0, r"X has shape (6,) and type torch.float64; expected floats (n_heads, n_examples, d)"),
        (X[None], Y, 1.0, r"X has shape (1, 3, 200, 6) and type torch.float64"),
        (X.astype(np.int64), Y, 1.0, r"X has shape (3, 200, 6) and type torch.int64; expected floats"),
        (X, Y[:-1], 1.0, r"y has shape (199,), X (3, 200, 6): y needs one label for each example"),
        (X, Y[:, None], 1.0, r"y has shape (200, 1), X (3, 200, 6)"),
        (X, np.full(200, "cat"), 1.0, r"C is 1.0, classes are ['cat']; C > 0 and two classes needed"),
        (X, Y, 0.0, r"C is 0.0, classes are ['cat', 'dog']; C > 0"),
        (X, Y, -1.0, r"C is -1.0"),
        (X, Y, float("nan"), r"C is nan"),
    ],
)
def test_what_cannot_be_fitted_is_refused(x: Floats, y: Labels, strength: float, message: str) -> None:
    with pytest.raises(ProbeError, match=re.escape(message)):
        HeadClassifier(C=strength).fit(x, y)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused_with_its_head_and_example(bad: float) -> None:
    x = X.copy()
    x[1, 17, 3] = bad
    message = "X: head 1, example 17: not a finite number; drop the example"
    with pytest.raises(ProbeError, match=message):
        HeadClassifier().fit(x, Y)
    with pytest.raises(ProbeError, match=message):
        HeadClassifier().fit(X, Y).predict(x)


def test_other_heads_or_dimensions_than_were_fitted_are_refused() -> None:
    probes = HeadClassifier().fit(X, Y)
    with pytest.raises(ProbeError, match="X has 2 heads of 6 dimensions, fitted were 3 of 6"):
        probes.predict(X[:2])
    with pytest.raises(ProbeError, match="X has 3 heads of 5 dimensions, fitted were 3 of 6"):
        probes.predict(X[..., :5])


def test_a_head_that_did_not_converge_is_warned_of_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsolved(*args: torch.Tensor) -> Solutions:
        solutions = solve(*args)
        solutions.converged[1] = False  # the heads of one block come together
        return solutions

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert HeadClassifier().fit(X, Y).converged_.all()
    monkeypatch.setattr(estimator, "solve", unsolved)
    with pytest.warns(ConvergenceWarning, match=r"heads \[1\] did not converge; use a smaller C") as caught:
        probes = HeadClassifier().fit(X, Y)
    assert probes.converged_.tolist() == [True, False, True]
    assert caught[0].filename == __file__  # where fit was called
