"""A GPT-2 of two layers of eight heads whose weights are set, so that what every head knows is known.

A token's embedding is u beside -u, where u holds 1 or -1 for each attribute of the word and for each dimension of its
lemma, and a position's is a one-hot beside its negative: all have mean 0 and the same length, so that LayerNorm only
scales. A planted head attends to the token a fixed number of places back and copies attributes of it. The forms of a
lemma share its vector, so that a head that copies lemmas learns nothing of attributes. The MLPs write nothing, planted
heads neither, and the other heads write of lemmas, faintly and to dimensions that nothing reads: no residual stream
knows the attributes of any token but its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

from tests.planted.vocabulary import ATTRIBUTES, LEMMAS, WORDS, spell

N_LAYERS, N_HEADS, D_HEAD, PLACES = 2, 8, 16, 16
D_MODEL = N_HEADS * D_HEAD
# Dimensions of u; those of -u follow D_MODEL // 2 later
BITS, LEMMA, PLACE, SPARE = slice(0, 4), slice(4, 20), slice(20, 36), slice(36, 64)
SHARP, BLURRED = 10.0, 1.5  # scale of queries and keys: all attention to one token, or about a third of it
SPECIAL = ("[PAD]", "[UNK]")
Place = tuple[int, int]  # layer, head


@dataclass(frozen=True)
class Role:
    """What a head reads.

    Attributes:
        back: How many places before its own token it attends to, or None to attend as random weights do.
        attributes: Attributes of that token that it copies.
        lemma: How loud it copies the lemma, too; the attributes are 1.
        sharp: Scale of its queries and keys.
    """

    back: int | None = None
    attributes: tuple[str, ...] = ()
    lemma: float = 0.0
    sharp: float = SHARP


Roles = Mapping[Place, Role]
Order = Sequence[Sequence[int]]
IN_ORDER = (tuple(range(N_HEADS)),) * N_LAYERS
NOISE = Role(lemma=1.0)
ROLES: Roles = {
    (0, 1): Role(1, ("case",)),
    (0, 4): Role(1, ("case", "number")),  # of two families
    (0, 6): Role(2, ("valence",), lemma=1.0),
    (1, 0): Role(1, ("number",), sharp=BLURRED),
    (1, 2): Role(2, ("valence", "tense")),  # of two families
    (1, 3): Role(2, ("tense",), sharp=BLURRED),
    (1, 7): Role(1, ("case",)),
    # The right place and nothing of interest there, twice; and all attributes of the wrong place
    (0, 2): Role(1, lemma=1.0),
    (1, 5): Role(2, lemma=1.0),
    (1, 6): Role(3, ATTRIBUTES),
}


def save_model(folder: Path, seed: int, roles: Roles = ROLES, order: Order = IN_ORDER) -> None:
    """Save model and tokenizer in Hugging Face format, see `build_model`."""
    build_model(seed, roles, order).save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)


def build_tokenizer() -> Any:
    """Return a tokenizer that takes every word between blanks as a token."""
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *map(spell, WORDS)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")


def build_model(seed: int, roles: Roles = ROLES, order: Order = IN_ORDER) -> Any:
    """Return the model in eval mode.

    Args:
        seed: Of lemmas, of the heads without a role, and of the directions that planted heads write their bits in.
        roles: What heads read; those without a role are noise.
        order: For every layer, which of its heads stands where.
    """
    sizes = {"n_embd": D_MODEL, "n_layer": N_LAYERS, "n_head": N_HEADS, "n_positions": PLACES, "n_inner": 4}
    config = GPT2Config(vocab_size=len(SPECIAL) + len(WORDS), bos_token_id=0, eos_token_id=0, pad_token_id=0, **sizes)
    body = GPT2Model(config).eval()
    with torch.no_grad():
        body.wte.weight.copy_(_mirrored(_words(torch.Generator().manual_seed(seed))))
        body.wpe.weight.copy_(_mirrored(torch.eye(PLACES, D_MODEL // 2).roll(PLACE.start, 1)))
        for layer, block in enumerate(body.h):
            heads = [_head(roles.get((layer, head), NOISE), seed, layer, head) for head in order[layer]]
            q, k, v, out = (torch.stack(parts) for parts in zip(*heads, strict=True))  # (n_heads, d_model, d_head)
            block.attn.c_attn.weight.copy_(torch.stack([q, k, v]).permute(2, 0, 1, 3).flatten(1))
            block.attn.c_proj.weight.copy_(out.mT.flatten(0, 1))
            block.mlp.c_proj.weight.zero_()
    return body


def _mirrored(u: Tensor) -> Tensor:
    return torch.cat([u, -u], dim=-1)


def _words(generator: torch.Generator) -> Tensor:
    """Return u of every token, (n_tokens, d_model / 2) float32; the special ones never occur and are zero."""
    lemmas = torch.randint(0, 2, (len(LEMMAS), LEMMA.stop - LEMMA.start), generator=generator)
    u = torch.zeros(len(SPECIAL) + len(WORDS), D_MODEL // 2)
    for row, (lemma, *bits) in zip(u[len(SPECIAL) :], WORDS, strict=True):
        row[BITS], row[LEMMA] = 2.0 * torch.tensor(bits) - 1, 2.0 * lemmas[lemma] - 1
    return u


def _head(role: Role, seed: int, layer: int, head: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return W_Q, W_K, W_V and the transpose of W_O of one head, (d_model, d_head) float32 each."""
    generator = torch.Generator().manual_seed(10000 * seed + 100 * layer + head)
    q, k, v, out = torch.zeros(4, D_MODEL, D_HEAD)
    if role.back is None:
        seen = slice(LEMMA.start, PLACE.stop)  # not the attributes: attention to them would tell of them
        q[seen], k[seen] = 0.2 * torch.randn(2, seen.stop - seen.start, D_HEAD, generator=generator)
        out[SPARE] = 0.001 * torch.randn(SPARE.stop - SPARE.start, D_HEAD, generator=generator)
    else:
        q[PLACE] = role.sharp * torch.eye(PLACES)
        k[PLACE] = role.sharp * torch.eye(PLACES).roll(role.back, 1)
    for attribute in role.attributes:
        v[ATTRIBUTES.index(attribute)] = torch.randn(D_HEAD, generator=generator)
    if role.lemma:
        v[LEMMA] = role.lemma * torch.randn(LEMMA.stop - LEMMA.start, D_HEAD, generator=generator)
    return q, k, v, out
