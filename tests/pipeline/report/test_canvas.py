"""What figures are saved as: exact widths, text that stays text, and bytes that depend on nothing but the figure."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from pipeline.report import canvas
from pipeline.report.canvas import DPI, FONT, HUES, SMALL, WIDTHS, Drawing, files, fitted, pages, width_of, wrapped

LABEL = "a $x$ <&> é −"
ENDS = [f"{width}.{kind}" for width in ("single", "double") for kind in ("pdf", "svg", "png")]


def lines(width: float, layout: str | None = None) -> list[Figure]:
    figure = Figure(figsize=(width, 1.5), layout=layout)  # type: ignore[arg-type]
    axes = figure.add_subplot(xlabel=LABEL)
    axes.plot([0, 1], [0, 1], color=HUES[0])
    axes.set_title("bold", fontweight="bold")
    return [figure]


@pytest.fixture(scope="module")
def saved() -> dict[str, bytes]:
    return dict(files(Drawing("m/lines", "What lines show.", lines)))


def test_a_figure_is_saved_in_every_width_and_format_with_its_caption(saved):
    assert list(saved) == ["m/lines.txt", *(f"m/lines_{end}" for end in ENDS)]
    assert saved["m/lines.txt"] == b"What lines show.\n"


@pytest.mark.parametrize("width", WIDTHS)
def test_every_file_is_exactly_as_wide_as_the_print(saved, width):
    inches = WIDTHS[width]
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", saved[f"m/lines_{width}.pdf"])
    assert box is not None
    assert [float(side) for side in box.groups()] == pytest.approx([72 * inches, 108])
    assert f'width="{72 * inches:g}pt" height="108pt"'.encode() in saved[f"m/lines_{width}.svg"]
    header = saved[f"m/lines_{width}.png"][16:24]
    sides = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")
    assert sides == (round(DPI * inches), 450)


def test_text_of_a_pdf_is_an_embedded_truetype_font(saved):
    content = saved["m/lines_single.pdf"]
    assert re.findall(rb"/BaseFont /\w{6}\+([\w-]+)", content).count(b"DejaVuSans") >= 1
    assert b"/CIDFontType2" in content
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


def test_text_of_an_svg_is_text_and_names_fonts_that_may_stand_in(saved):
    content = saved["m/lines_double.svg"].decode()
    assert "a $x$ &lt;&amp;&gt; é −</text>" in content
    fonts = set(re.findall(r"font-family: ([^;\"]+)", content))
    assert fonts == {f"'{FONT}', Verdana, Arial, Helvetica, sans-serif"}


def test_no_file_says_when_or_with_what_it_was_made(saved):
    for name, content in saved.items():
        for word in (b"CreationDate", b"ModDate", b"/Producer", b"/Creator", b"Matplotlib v", b"dc:date", b"Software"):
            assert word not in content, name
        assert matplotlib.__version__.encode() not in content, name


def test_what_does_not_fit_on_a_page_goes_on_in_another_file():
    names = [name for name, _ in files(Drawing("long", "", lambda width: lines(width) + lines(width)))]
    assert names == ["long.txt", *(
        f"long_{width}{page}.{kind}" for width in WIDTHS for page in ("", "_2") for kind in ("pdf", "svg", "png")
    )]  # fmt: skip


def test_a_layout_is_found_once_and_the_same_in_every_format(monkeypatch):
    figure = lines(3.5, "constrained")[0]
    with canvas.styled():
        canvas._saved(figure)
        place = figure.axes[0].get_position().bounds
        canvas._saved(figure)
    assert figure.axes[0].get_position().bounds == place
    assert place[0] > 0.02


@pytest.mark.slow
def test_another_process_with_other_settings_gives_the_same_bytes(saved, tmp_path: Path):
    script = (
        "import hashlib, locale; locale.setlocale(locale.LC_ALL, '');"
        "from tests.pipeline.report.test_canvas import lines;"
        "from pipeline.report.canvas import Drawing, files;"
        "[print(name, hashlib.sha256(content).hexdigest())"
        " for name, content in files(Drawing('m/lines', 'What lines show.', lines))]"
    )
    settings = "font.size: 20\naxes.facecolor: red\nsavefig.dpi: 30\nsavefig.bbox: tight\npdf.fonttype: 3\n"
    (tmp_path / "matplotlibrc").write_text(f"{settings}svg.fonttype: path\n")
    changed = {
        "PYTHONHASHSEED": "17", "SOURCE_DATE_EPOCH": "1000000000", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8",
        "MATPLOTLIBRC": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3]), "MPLBACKEND": "svg",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | changed, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [
        f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in saved.items()
    ]


def test_a_text_is_cut_where_it_has_to_be_and_only_there():
    assert fitted("short", 1, SMALL) == "short"
    cut = fitted("a very long name indeed, which goes on", 1, SMALL)
    assert cut.startswith("a very long name")
    assert cut.endswith("…")
    assert 0.8 < width_of(cut, SMALL) <= 1
    assert fitted("W" * 99, 0.01, SMALL) == "…"
    assert width_of("bold", 8, "bold") > width_of("bold", 8)


def test_letters_that_the_font_lacks_are_replaced_instead_of_drawn_as_boxes():
    assert fitted("東京\ttest\n", 9, SMALL) == "?? test"
    assert fitted("né ελ да", 9, SMALL) == "né ελ да"


def test_words_are_broken_to_lines_and_the_last_is_cut():
    assert wrapped("subject number", 9, SMALL) == ["subject number"]
    assert wrapped("agreement violation", 0.6, SMALL) == ["agreement", "violation"]
    three = wrapped("agreement violation again", 0.6, SMALL)
    assert three[0] == "agreement"
    assert three[1].endswith("…")
    assert len(three) == 2
    assert wrapped("", 1, SMALL) == []


@pytest.mark.parametrize(("n", "most"), [(0, 3), (1, 3), (3, 3), (4, 3), (100, 7), (5, 0)])
def test_pages_hold_every_row_once_and_no_more_than_fit(n, most):
    parts = [list(range(n))[part] for part in pages(n, most)]
    assert [row for part in parts for row in part] == list(range(n))
    assert all(len(part) <= max(1, most) for part in parts)
    assert len(parts) == -(-n // max(1, most))
