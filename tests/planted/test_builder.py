"""Model and texts are what the tests of the stages take them for."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.planted.builder import D_HEAD, N_HEADS, N_LAYERS, ROLES, Place, build_model, build_tokenizer
from tests.planted.texts import FARTHER, FEATURES, KIND, Feature, make_rows
from tests.planted.vocabulary import ATTRIBUTES, LEMMAS, WORDS, spell

ASKED = FEATURES | {"valence_here": Feature("semantic", "valence", 0), "kind_before": Feature("syntactic", KIND, 1)}
ONE_BACK = [place for place, role in ROLES.items() if role.back == 1]


@pytest.fixture(scope="module")
def model() -> Any:
    return build_model(3)


def outputs(model: Any, words: list[int]) -> dict[Place, Tensor]:
    """Return z at the last of some words, given by their places in WORDS, for every head."""
    seen: list[Tensor] = []
    hooks = [
        block.attn.c_proj.register_forward_pre_hook(lambda _module, args: seen.append(args[0][0, -1]))
        for block in model.h
    ]
    with torch.inference_mode():
        model(input_ids=torch.tensor([words]) + len(build_tokenizer()) - len(WORDS))
    for hook in hooks:
        hook.remove()
    heads = torch.stack(seen).unflatten(1, (N_HEADS, D_HEAD))
    return {(layer, head): heads[layer, head] for layer in range(N_LAYERS) for head in range(N_HEADS)}


def residuals(model: Any, words: list[int]) -> Tensor:
    """Return the residual stream at the last of some words, (what enters every layer and leaves the last, d_model)."""
    with torch.inference_mode():
        ids = torch.tensor([words]) + len(build_tokenizer()) - len(WORDS)
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
    return torch.stack([state[0, -1] for state in states])


def changed(word: int, attribute: str) -> int:
    """Return the place in WORDS of the same word with one attribute the other way."""
    lemma, *bits = WORDS[word]
    bits[ATTRIBUTES.index(attribute)] ^= 1
    return WORDS.index((lemma, *bits))


def test_no_two_words_are_written_alike_and_the_tokenizer_keeps_each_whole() -> None:
    written = [spell(word) for word in WORDS]
    assert len(set(written)) == len(WORDS) == len(LEMMAS) * 2 ** len(ATTRIBUTES)
    ids = build_tokenizer()(" ".join(written))["input_ids"]
    assert len(ids) == len(set(ids)) == len(WORDS) and build_tokenizer().unk_token_id not in ids


def test_all_embeddings_are_centred_and_of_one_length_so_that_layer_norm_only_scales(model: Any) -> None:
    sums = model.wte.weight[2:, None] + model.wpe.weight
    torch.testing.assert_close(sums.mean(-1), torch.zeros(sums.shape[:-1]))
    assert sums.norm(dim=-1).std() < 1e-5


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("back", [0, 1, 2, 3, 5])
def test_a_head_changes_with_the_attributes_it_reads_and_with_no_other(model: Any, back: int, attribute: str) -> None:
    words = np.random.default_rng(0).integers(len(WORDS), size=9).tolist()
    other = list(words)
    other[-1 - back] = changed(words[-1 - back], attribute)
    before, after = outputs(model, words), outputs(model, other)
    moved = {place for place in before if not torch.allclose(before[place], after[place], rtol=0, atol=1e-3)}
    reads = {place for place, role in ROLES.items() if attribute in role.attributes}
    sharp = {place for place in reads if ROLES[place].back == back}
    blurred = {place for place in reads if ROLES[place].sharp < 5}  # they see all places, and their own best
    assert sharp <= moved <= sharp | blurred


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_no_residual_stream_knows_the_attributes_of_another_word(model: Any, attribute: str) -> None:
    words = np.random.default_rng(2).integers(len(WORDS), size=9).tolist()
    flipped = [changed(word, attribute) for word in words]
    of_all, of_others, of_none = (residuals(model, text) for text in (flipped, [*flipped[:-1], words[-1]], words))
    torch.testing.assert_close(of_others, of_none, rtol=0, atol=1e-5)
    assert (of_all - of_none).abs().amax(-1).min() > 1


def test_what_heads_write_is_there_and_hardly_changes_the_scale(model: Any) -> None:
    first, second, *_ = residuals(model, list(range(9)))
    assert 0 < (second - first).norm() < 0.05 * first.norm()


@pytest.mark.parametrize("place", ONE_BACK, ids=str)
def test_a_head_that_copies_attributes_alone_is_the_same_for_all_lemmas(model: Any, place: Place) -> None:
    words = np.random.default_rng(1).integers(len(WORDS), size=9).tolist()
    other = list(words)
    other[-2] = (words[-2] + 2 ** len(ATTRIBUTES)) % len(WORDS)  # the same form of the next lemma
    same = torch.allclose(outputs(model, words)[place], outputs(model, other)[place], rtol=0, atol=0.02)
    assert same is (ROLES[place].lemma == 0)


@pytest.mark.parametrize("name", ASKED)
def test_the_label_is_what_the_word_that_decides_says(name: str) -> None:
    asked, forms = ASKED[name], {spell(word): word for word in WORDS}
    for row in make_rows(name, asked, 0).itertuples():
        lemma, *bits = forms[row.text.split()[-1 - asked.back]]
        value = lemma % 2 if asked.attribute == KIND else bits[ATTRIBUTES.index(asked.attribute)]
        assert row.label == ("off", "on")[value]


@pytest.mark.parametrize("name", ASKED)
def test_a_pair_has_the_same_words_and_both_labels(name: str) -> None:
    for _, pair in make_rows(name, ASKED[name], 1).groupby("pair"):
        first, second = (text.split() for text in pair["text"])
        assert Counter(first) == Counter(second) and sorted(pair["label"]) == ["off", "on"]
        places = [len(first) - 1 - i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
        assert len(places) == 2 and places[1] == ASKED[name].back and places[0] >= FARTHER


def test_texts_are_drawn_by_seed_and_by_feature() -> None:
    asked = FEATURES["case_before"]
    texts = [set(make_rows(name, asked, seed)["text"]) for name, seed in (("a", 0), ("a", 0), ("a", 1), ("b", 0))]
    assert texts[0] == texts[1]
    assert not texts[0] & texts[2] and not texts[0] & texts[3]
