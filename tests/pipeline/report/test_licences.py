"""Which datasets may be passed on."""

import pytest

from pipeline.report.licences import REDISTRIBUTABLE, free_licence, withheld, without_texts


@pytest.mark.parametrize("licence", REDISTRIBUTABLE)
def test_every_licence_of_the_list_is_found_however_it_is_written(licence: str) -> None:
    assert free_licence(f" {licence.upper()}\n") == free_licence(licence.lower()) == licence


@pytest.mark.parametrize(
    "licence",
    [
        *("CC-BY-NC-4.0", "CC-BY-ND-4.0", "CC-BY-NC-SA-4.0", "None stated; research use", "", "Research use", "CC-BY"),
        *("MIT and others", "not Apache-2.0", "proprietary", "fill in: of the texts and labels", None),
    ],
)
def test_every_other_licence_is_not_free(licence: str | None) -> None:
    assert free_licence(licence) is None


def test_a_card_that_may_not_be_passed_on_loses_whatever_quotes_a_text() -> None:
    card = {
        "licence": "CC-BY-NC-4.0", "n_examples": 3, "examples": [{"text": "secret"}], "warnings": ["'secret' is twice"],
        "findings": [{"severity": "note", "message": "'secret' is twice"}],
    }  # fmt: skip
    bare = without_texts(card)
    assert "secret" not in str(bare)
    assert bare["n_examples"] == 3
    assert "CC-BY-NC-4.0" in bare["warnings"][0]
    free = card | {"licence": "CC-BY-4.0"}
    assert without_texts(free) == free
    assert withheld({"a": card, "b": free}) == {"a": "CC-BY-NC-4.0"}
