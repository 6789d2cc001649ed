"""What pages make of records: text of foreign origin is shown, and is no markup."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

EXTENSIONS = Path(__file__).parents[1] / "docs" / "_ext"


@pytest.fixture(scope="module")
def literal():
    place = importlib.util.spec_from_file_location("escaping", EXTENSIONS / "escaping.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module.literal


@given(text=st.text())
def test_no_letter_of_a_foreign_text_is_markup(literal, text):
    found = literal(text)
    assert found.isprintable()
    shown, letters = "", iter(found)
    for letter in letters:
        assert letter.isalnum() or letter in " \\"
        shown += next(letters) if letter == "\\" else letter
    assert len(shown.splitlines()) <= 1
    if text.isprintable():
        assert shown == " ".join(text.split())


def test_a_record_with_line_breaks_is_no_directive(literal):
    odd = "CPU\n\n.. raw:: html\n\n   <script>alert(1)</script>\n\n`x <javascript:1>`_ |y| **z** :math:`a`"
    assert literal(odd).startswith(r"CPU \.\. raw\:\: html \<script\>")
    docutils = pytest.importorskip("docutils.core")
    tree = docutils.publish_doctree(f"{literal(odd)}\n{'-' * 200}\n\n{literal(odd)}\n")
    assert not [
        n for n in tree.findall() if n.tagname in ("raw", "reference", "strong", "math", "problematic")
    ]
    assert "<script>alert(1)</script>" in tree.astext()


def test_the_page_of_measurements_uses_it():
    """Every value of a record that becomes reStructuredText goes through ``literal``, or is formatted."""
    source = (EXTENSIONS / "records.py").read_text("utf-8")
    written = source[source.index("def benchmark") : source.index("def row")]
    assert written.count("literal(") >= 8
    for raw in ("{net}", "{key}", "{value}", "[method,", "{name}", "{record["):
        assert raw not in written


def test_a_verdict_is_bold_up_to_its_numbers(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(EXTENSIONS)
    bold = importlib.import_module("records").bold
    assert bold("holds in 2 of 3 seeds; its loss: 1") == "**holds in 2 of 3 seeds**; its loss: 1"
    assert bold("cannot be told, nothing was run") == "**cannot be told, nothing was run**"
