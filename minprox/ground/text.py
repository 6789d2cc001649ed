"""Tables as text, and text for those who have no Greek letters; text of others that does no harm."""

from __future__ import annotations

import codecs
import html
import unicodedata
from collections.abc import Sequence
from typing import Any

SIGNS = {
    **{"−": "-", "–": "-", "—": "-", "…": "...", "·": "*", "×": "x", "°": "deg", "′": "'", "µ": "u"},
    **{"∂": "d", "∇": "grad", "∑": "sum", "√": "sqrt", "∞": "inf", "∈": "in", "ℓ": "l", "∘": "o", "±": "+-"},
    **{
        "‖": "||",
        "⟨": "<",
        "⟩": ">",
        "⌈": "[",
        "⌉": "]",
        "⁄": "/",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "⊗": "(x)",
    },
    **{"←": "<-", "→": "->", "↦": "|->", "⟹": "=>", "“": '"', "”": '"', "‘": "'", "’": "'"},
}


KEPT = "\n\N{NO-BREAK SPACE}"  # what is not printable by name, and harmless


def escaped(text: str) -> str:
    """Return a text of foreign origin so that it shows, and does nothing, on a terminal.

    Line breaks stay; what moves a cursor, changes a colour or the direction of letters stands as its number.

    Examples
    --------
    >>> print(escaped("cg3 \x1b[31mred"))
    cg3 \\x1b[31mred
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in KEPT else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def one_line(text: str) -> str:
    """Return a text, escaped, on one line.

    Examples
    --------
    >>> one_line("a\\n.. raw:: html")
    'a .. raw:: html'
    """
    return escaped(" ".join(text.split()))


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int], last: str = "") -> str:
    """Lay out rows of cells, the first being the head, with a rule below it and above the last line.

    The columns whose numbers are in ``right`` are aligned to the right.
    """
    rows = [[one_line(cell) if not cell.isprintable() else cell for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:], *([rule, last] if last else [])])


def html_table(rows: Sequence[Sequence[str]], right: Sequence[int], last: str = "") -> str:
    """Return the same rows as a table in HTML, for notebooks; what is in the cells is escaped.

    Examples
    --------
    >>> html_table([("", "a"), ("0", "x < 1")], (0,))[-101:]
    '<tr><td style="text-align:right">0</td><td style="text-align:left">x &lt; 1</td></tr></tbody></table>'
    """

    def line(cells: Sequence[str], tag: str) -> str:
        sides = ("right" if k in right else "left" for k in range(len(cells)))
        inner = (
            f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag}>'
            for cell, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{''.join(inner)}</tr>"

    head, *body = rows
    caption = f'<caption style="caption-side:bottom">{html.escape(last)}</caption>' if last else ""
    lines = "".join(line(cells, "td") for cells in body)
    return f"<table>{caption}<thead>{line(head, 'th')}</thead><tbody>{lines}</tbody></table>"


def plain(text: str, start: int = 0, end: int | None = None) -> str:
    """Return a text, or a part of it, in ASCII that can be read in its place.

    Examples
    --------
    >>> plain("d_l = (A_lᵀA_l + I/τ_θ)⁻¹ A_lᵀδ_l")
    'd_l = (A_l^T A_l + I/tau_theta)^-1 A_l^T delta_l'
    >>> plain("½‖Aθ‖² ≥ 0, α → ∞, è, 学")
    '1/2||A theta||^2 >= 0, alpha -> inf, e, ?'
    """
    found, raised = "", ""
    for k in range(start, len(text) if end is None else end):
        letter, before, behind = text[k], text[k - 1 : k], text[k + 1 : k + 2]
        name, (tag, *codes) = unicodedata.name(letter, ""), unicodedata.decomposition(letter).split() or [""]
        mark = {"<super>": "^", "<sub>": "_"}.get(tag, "")
        if letter.isascii() or letter in SIGNS:
            word = SIGNS.get(letter, letter)
        elif name.startswith("GREEK") and "LETTER" in name:
            word = name.partition("LETTER ")[2].partition(" ")[0].replace("LAMDA", "LAMBDA")
            word = word.title() if "CAPITAL" in name else word.lower()
        elif tag:  # what it is made of; the digits of one exponent share its sign
            parts = "".join(chr(int(code, 16)) for code in (codes if tag.startswith("<") else [tag]))
            word = mark * (mark != raised) + plain(parts)
        else:
            word = "?" * (not unicodedata.combining(letter))
        if len(word) > 1 and word.isalpha():  # a word of several letters stands by itself
            word = " " * before.isalnum() + word
        if len(word) > 1 and mark != "_" and word[-1].isalpha():
            word += " " * (behind.isalnum() if letter == "√" else behind.isascii() and behind.isalnum())
        found += word
        raised = mark
    return found


def is_terminal(stream: Any) -> bool:
    """Tell whether somebody sees what is written; a stream may be None, closed, or know of no terminals."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def readable(stream: Any) -> None:
    """Let a stream write plain letters in the place of those that its encoding does not have."""
    if not hasattr(stream, "reconfigure"):
        return
    encoding = codecs.lookup(stream.encoding or "ascii").name
    stream.reconfigure(errors=ERRORS, encoding=ASCII if encoding == "ascii" else None)


def written_plainly(error: UnicodeError) -> tuple[str, int]:
    """Handle the letters that an encoding does not have: what :mod:`codecs` calls."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object, error.start, error.end), error.end


def find(name: str) -> codecs.CodecInfo | None:
    """Find ASCII under a name of ours: under its own, click takes it for a mistake and writes UTF-8."""
    if name != ASCII:
        return None
    codec = codecs.lookup("ascii")
    increments = {key: getattr(codec, key) for key in ("incrementalencoder", "incrementaldecoder")}
    return codecs.CodecInfo(*codec, name=ASCII, **increments)


ERRORS, ASCII = "minprox_plain", "minprox_ascii"
codecs.register_error(ERRORS, written_plainly)
codecs.register(find)
