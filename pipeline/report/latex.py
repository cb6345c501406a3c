r"""Text and numbers as LaTeX that any preamble can set.

Whatever stands in the results is set by pdfLaTeX with its default fonts and encodings. Latin letters with accents are
written as LaTeX accents. A character that the default fonts lack, such as Greek, Chinese or an emoji, stands as its
code point, [U+1F600]: visible, and never dropped in silence.
"""

import math
import unicodedata
from itertools import pairwise

DECIMALS = 3  # of shares and bits: at 1,000 examples the third is already noise
MISSING = "--"  # not measured; sets an en dash
MARKS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c", "\u0331": "b",
}  # fmt: skip
DOTLESS = {"i": r"\i", "j": r"\j"}
SIGNS = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # the default encoding has other glyphs in the places of these four
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "\u2212": "$-$",
    **{"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}"},
    **{"ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}", "¡": "!`", "¿": "?`", "–": r"\textendash{}", "—": r"\textemdash{}"},
    **{"‘": r"\textquoteleft{}", "’": r"\textquoteright{}", "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}"},
    **{"…": r"\dots{}", "†": r"\dag{}", "‡": r"\ddag{}", "§": r"\S{}", "¶": r"\P{}", "©": r"\copyright{}"},
    **{"±": r"$\pm$", "×": r"$\times$", "÷": r"$\div$", "·": r"$\cdot$", "•": r"$\bullet$", "°": r"$^{\circ}$"},
    **{"≤": r"$\leq$", "≥": r"$\geq$", "→": r"$\rightarrow$", "\u2010": "-", "\u2011": "-"},
}


def escape(text: str) -> str:
    r"""Return text as LaTeX that sets it, on one line.

    Args:
        text: Any text.

    Example:
        >>> print(escape("50 % of R&D_x, naïve Gödel, Ω"))
        50 \% of R\&D\_x, na\"{\i}ve G\"{o}del, \texttt{[U+03A9]}
    """
    words = " ".join(unicodedata.normalize("NFC", text).split())
    tex = "".join(_character(character) for character in words)
    tex = tex.replace("--", "-{}-").replace("--", "-{}-")  # twice: three in a row; or they would join to a dash
    return "{}" + tex if tex[:1] in ("[", "*") else tex  # else the end of the row above would take it for an argument


def _character(character: str) -> str:
    if character in SIGNS:
        return SIGNS[character]
    if " " <= character <= "~":
        return character
    apart = unicodedata.normalize("NFD", character)
    letter, mark = apart[:1], MARKS.get(apart[1:])
    if mark and letter.isascii() and letter.isalpha():
        return f"\\{mark}{{{DOTLESS.get(letter, letter)}}}"
    return rf"\texttt{{[U+{ord(character):04X}]}}"


def breakable(text: str) -> str:
    """Return text as `escape` does, with leave to break the line behind each `/`, `:`, `_` and `-`.

    Args:
        text: Such as the id of a model.
    """
    pieces = [text[:1]]
    for before, character in pairwise(text):
        if before in "/:_-":
            pieces.append("")
        pieces[-1] += character
    return r"\allowbreak{}".join(escape(piece) for piece in pieces)


def decimal(value: float, digits: int = DECIMALS) -> str:
    r"""Return a number with a fixed number of decimals and a true minus sign.

    Args:
        value: NaN for not measured.
        digits: Decimals.

    Example:
        >>> print(decimal(-0.0125, 2), decimal(-0.0001), decimal(float("nan")))
        $-$0.01 0.000 --
    """
    if math.isnan(value):
        return MISSING
    shown = f"{value:,.{digits}f}"
    if not shown.startswith("-"):
        return shown
    return f"$-${shown[1:]}" if float(shown.replace(",", "")) else shown[1:]


def count(value: float) -> str:
    """Return a whole number with separated thousands.

    Args:
        value: NaN for not counted.

    Example:
        >>> count(12000)
        '12,000'
    """
    return decimal(float(value), 0)


def interval(value: float, low: float, high: float) -> str:
    """Return a number with its interval.

    Args:
        value: NaN for not measured.
        low: Lower end; NaN for no interval.
        high: Upper end.

    Example:
        >>> interval(0.873, 0.8512, 0.8936)
        '0.873 [0.851, 0.894]'
    """
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return decimal(value)
    return f"{decimal(value)} [{decimal(low)}, {decimal(high)}]"


def p_value(value: float) -> str:
    r"""Return a p-value; below the last decimal only that it is smaller.

    Args:
        value: NaN for not measured.

    Example:
        >>> print(p_value(1 / 1001), p_value(0.001), p_value(0.25))
        $<$ 0.001 0.001 0.250
    """
    smallest = 10**-DECIMALS
    return f"$<$ {smallest}" if value < smallest else decimal(value)
