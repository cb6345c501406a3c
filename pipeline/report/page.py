"""The page: one HTML file with everything in it, written by templates that escape every value."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from pipeline.report.charts import layer_views, library
from pipeline.report.dataset_cards import dataset_cards
from pipeline.report.heatmap import BASELINE_LABELS, grid, head_pairs
from pipeline.report.method import method_facts
from pipeline.report.overview import (
    counted_rungs,
    family_bars,
    label_bars,
    ordered_families,
    phase_cards,
    rung_bars,
    sentence,
)
from pipeline.report.payload import payload
from pipeline.report.references import bibliography
from pipeline.report.results import Atlas, ModelResults, probe_titles, rung_names, split_values
from pipeline.report.scale import MARGIN_MAP, QUANTITIES, palette

NUMBERED_COLUMNS = 16  # heads in a layer up to which a cell has room for its number
NOT_MEASURED = "not measured"
WEB = Path(__file__).parent / "web"
STYLES = ("base.css", "map.css")
SCRIPTS = (
    *("tools.js", "address.js", "charts.js", "layers.js", "heat.js"),
    *("profile.js", "evidence.js", "taxonomy.js", "page.js"),
)


def render_page(atlas: Atlas, provenance: dict[str, Any]) -> str:
    """Return index.html, which needs no other file and no network.

    Args:
        atlas: The run.
        provenance: What `provenance.json` holds.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB),
        autoescape=True,  # jinja2 would choose by the file name, and .j2 means off
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=_number, signed=_signed, p_value=_p_value, count=_count, listed=_listed, or_dash=_or_dash,
        share_said=_share_said, shift_said=_shift_said, each=_each,
    )  # fmt: skip
    return environment.get_template("template.html.j2").render(_context(atlas, provenance))


def _context(atlas: Atlas, provenance: dict[str, Any]) -> dict[str, Any]:
    titles = probe_titles(atlas.cards)
    scripts = [library(), page_script()]
    return {
        "css": Markup("".join((WEB / name).read_text(encoding="utf-8") for name in STYLES)),
        "library": Markup(scripts[0]),
        "script": Markup(scripts[1]),
        "script_hashes": " ".join(map(_allowed, scripts)),
        "title": _title(atlas),
        "models": [_model_view(model, atlas) for model in atlas.models],
        "first_title": next(iter(titles.values())),
        "features": _features(atlas, titles),
        "quantities": QUANTITIES,
        "palette": palette(),
        "margin_palette": palette(MARGIN_MAP),
        "datasets": dataset_cards(atlas),
        "unmeasured": _unmeasured(atlas),
        "method": method_facts(atlas),
        "provenance": provenance,
        "bibtex": bibliography(atlas, provenance),
        "params_json": json.dumps(atlas.params, indent=2, ensure_ascii=False, default=str),
        "payload": payload(atlas),
    }


def _features(atlas: Atlas, titles: Mapping[str, str]) -> dict[str, list[tuple[int, str]]]:
    """Return family -> (place in the run, title) of its datasets, to choose from."""
    families = _families(atlas)
    return {
        wanted: [(place, title) for place, title in enumerate(titles.values()) if families[place] == wanted]
        for wanted in ordered_families(families)
        if wanted in families
    }


def page_script() -> str:
    """Return the script of the page: all its files in one scope of their own."""
    files = "\n".join((WEB / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{files}}})();\n'


def _allowed(script: str) -> str:
    """Return what lets the browser run this script and no other, whatever text a dataset smuggled in."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _title(atlas: Atlas) -> str:
    subject = atlas.models[0].slug if len(atlas.models) == 1 else f"{len(atlas.models)} models"
    return f"What each attention head of {subject} linearly encodes"


def _model_view(model: ModelResults, atlas: Atlas) -> dict[str, Any]:
    first = next(iter(atlas.cards))
    cells = grid(model, first)
    index = {pair: position for position, pair in enumerate(head_pairs(model))}
    return {
        "slug": model.slug,
        "sentence": sentence(model, len(atlas.cards), atlas.params["taxonomy"].get("alpha")),
        "bars": [
            ("By label", "one label a head", label_bars(model)),
            ("By family", "a head may count in several", family_bars(model, _families(atlas))),
            ("By rung of evidence", "the highest reached", rung_bars(model)),
        ],
        "counts_from": _counts_from(model, atlas),
        "layers": layer_views(model.layers),
        "phases": phase_cards(model),
        "counted": counted_rungs(model),
        "grid": cells,
        "numbered": cells["n_columns"] <= NUMBERED_COLUMNS,
        "heads": [_head_row(row, index) for row in model.heads.to_dict("records")],
        "choices": _choices(model),
        "taxonomy": model.taxonomy,
    }


def _counts_from(model: ModelResults, atlas: Atlas) -> str:
    """Return the lowest rung that counts for labels, families and phases, with its name."""
    rung = int(atlas.params["taxonomy"]["label_rung"])
    return f"rung {rung} ({rung_names(model).get(rung, rung)})"


def _choices(model: ModelResults) -> dict[str, list[str]]:
    """Return what the table of heads can be narrowed down to."""
    labels, families = (
        set(model.heads["label"]),
        {part for cell in model.heads["family"] for part in split_values(cell)},
    )
    names, reached = rung_names(model), set(model.heads["rung"].astype(int))
    return {
        "labels": [name for name in (*ordered_families(labels), "polyfunctional", "unassigned") if name in labels],
        "families": [name for name in ordered_families(families) if name in families],
        "rungs": [
            f"{rung} {name} or higher" for rung, name in names.items() if rung and rung <= max(reached, default=0)
        ],
    }


def _families(atlas: Atlas) -> list[str]:
    return [str(card["family"]) for card in atlas.cards.values()]


def _head_row(row: dict[Any, Any], index: dict[tuple[int, int], int]) -> dict[str, Any]:
    pair = int(row["layer"]), int(row["head"])
    return {
        "name": row["name"] if row["attention"] == "self" else f"{row['name']} ({row['attention']})",
        "index": index.get(pair),
        "order": pair[0] * 100_000 + pair[1],  # so that L10H2 sorts behind L9H11
        "label": row["label"],
        "features": ", ".join(split_values(row["features"])),
        "families": ", ".join(split_values(row["family"])),
        "phases": ", ".join(split_values(row["phase"])),
        "rung": f"{int(row['rung'])} {row.get('rung_name') or ''}".strip(),
        "specialisation": row["specialisation"],
        "stability": row["stability"],
        "unstable": str(row.get("stable")) == "False",
    }


def _unmeasured(atlas: Atlas) -> list[str]:
    """Return the baselines that no cell of the run has."""
    scores = pd.concat([model.scores for model in atlas.models])
    return [label for key, label in BASELINE_LABELS.items() if scores[key].isna().all()]


def _number(value: Any, decimals: int = 3) -> str:
    return NOT_MEASURED if value is None or value != value else f"{value:.{decimals}f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _share_said(row: dict[str, Any]) -> str:
    return _with_ends(row, "share", lambda value: f"{value:.2f}".replace("-", "−"))


def _shift_said(row: dict[str, Any]) -> str:
    return _with_ends(row, "shift", lambda value: f"{value:+.2f}".replace("-", "−"))


def _with_ends(row: dict[str, Any], key: str, show: Callable[[float], str]) -> str:
    """Return a number with its interval, or alone where it has none."""
    value, low, high = (row[key + end] for end in ("", "_low", "_high"))
    return show(value) if low != low or high != high else f"{show(value)} ({show(low)} to {show(high)})"


def _or_dash(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"


def _p_value(value: Any) -> str:
    return NOT_MEASURED if value is None or value != value else f"{value:.2g}"


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _each(value: Any) -> Any:
    """Return a list as people read it: its parts, or the one that all of several are."""
    if not isinstance(value, list):
        return value
    if len(value) > 1 and len(set(map(str, value))) == 1:
        return f"{value[0]} ({len(value)} times)"
    return ", ".join(map(str, value))


def _listed(value: Any) -> str:
    """Return a list, a `;`-joined string or nothing as people read it."""
    if value is None:
        return ""
    parts = split_values(value) if isinstance(value, str) else [str(part) for part in value]
    return ", ".join(parts)
