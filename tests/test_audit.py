"""The look at the built site: each kind of fault is found where it is planted."""

import importlib
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "docs" / "audit"))
    try:
        yield importlib.import_module("audit")
    finally:
        sys.path.remove(str(ROOT / "docs" / "audit"))
        for name in ("audit", "chromium", "links"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def browser(tool, tmp_path_factory):
    """A browser that looks at a folder, to which tests write pages."""
    if tool.found() is None:
        pytest.skip("there is no Chromium")
    folder = tmp_path_factory.mktemp("site")
    Image.new("RGB", (1200, 300)).save(folder / "wide.png", dpi=(200, 200))  # 576 pixels of CSS in print
    with tool.Audit(folder, say=lambda line: None).browser() as audit:
        yield audit


STYLE = """<style>
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #111; } }
body { color: var(--ink); background: var(--paper); margin: 8px; }
pre { overflow-x: auto; white-space: pre-wrap; }
.box { overflow-x: auto; } .box img { width: 576px; }
</style>"""
GOOD = "<h1>A page</h1><p>Text.</p><pre>code = 1</pre><div class=box><img src=wide.png></div>"


def told(browser, body, head=STYLE):
    """Return what is told of a page."""
    page = f"page-{len(list(browser.folder.iterdir()))}.html"
    text = f'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>p</title>{head}{body}'
    (browser.folder / page).write_text(text, encoding="utf-8")
    browser.told.clear()
    browser.look(page)
    return [line.removeprefix(f"{page}: ") for line in browser.told]


@pytest.mark.slow
def test_a_good_page_passes(browser):
    assert told(browser, GOOD) == []


PLANTED = {
    "code": ("<pre style='white-space: pre; width: 300px'>" + "x" * 90 + "</pre>", "is cut at 300 px"),
    "a wide page": ("<div style='width: 500px'>.</div>", "390 px: the page is 5"),
    "a shrunk figure": ("<img src=wide.png style='width: 500px'>", "wide.png has 87% of its width in print"),
    "a figure to scroll": (
        "<div style='overflow: auto; width: 300px'><img src=wide.png style='width: 576px'></div>",
        "1280 px: wide.png has to be scrolled",
    ),
    "a request": (
        "<img src='http://192.0.2.1/a.png' width=9>",
        "a request leaves the machine: http://192.0.2.1",
    ),
    "a script from elsewhere": ("<script src='https://cdn.example/x.js'></script>", "leaves the machine"),
    "a missing file": ("<script src=none.js></script>", "not there: none.js"),
    "an exception": ("<script>throw new Error('planted')</script>", "console: Error: planted"),
    "an error in the console": ("<script>console.error('planted', 1)</script>", "console: planted 1"),
    "grey text": (
        "<p style='color: #888; background: #fff'>pale</p>",
        "contrast 3.54 < 4.5 (#888888 on #ffffff)",
    ),
    "grey code": ("<pre style='background: #eee'><span style='color: #999'># pale</span></pre>", "# pale"),
    "faint text": ("<p style='opacity: 0.4'>faint</p>", "'faint'"),
    "dark text in the dark": ("<p style='color: #222'>lost</p>", "dark: contrast"),
    "large grey text": ("<p style='color: #aaa; background: #fff; font-size: 40px'>big</p>", "< 3 "),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_told(browser, fault):
    body, words = PLANTED[fault]
    found = told(browser, GOOD + body)
    assert any(words in line for line in found), found


@pytest.mark.slow
def test_a_page_that_stays_bright_is_told(browser):
    bright = STYLE + "<style>body { color: #000; background: #fff; }</style>"
    assert any(line.startswith("dark: the ground") for line in told(browser, GOOD, bright))
    assert told(browser, GOOD, bright + '<meta name="color-scheme" content="only light">') == []


@pytest.mark.slow
def test_a_switch_that_does_nothing_is_told(browser):
    button = "<button class=theme-change-button data-mode=dark onclick='{}'>dark</button>"
    for action, count in (("", 1), ("document.body.style.background = `#111`", 0)):
        page = f"switch-{count}.html"
        (browser.folder / page).write_text(STYLE + button.format(action), encoding="utf-8")
        browser.told.clear()
        browser.switch(page)
        assert len([line for line in browser.told if "switch" in line.partition(": ")[2]]) == count


@pytest.mark.slow
def test_a_search_that_leads_nowhere_is_told(browser):
    result = (
        '<div id="search-results"><p class="search-summary">one page</p>'
        '<ul><li><a href="{}.html">x</a></li></ul></div>'
    )
    (browser.folder / "search.html").write_text(result.format("there"), encoding="utf-8")
    browser.told.clear()
    browser.search("a name", "there")
    browser.search("a name", "elsewhere")
    found = [line for line in browser.told if "the search for" in line]
    assert found == ["search.html: the search for 'a name' leads to elsewhere at place nowhere of 1"]


def test_links_to_nowhere_are_told(tool, tmp_path):
    text = (
        "<a class=x href='b.html#here&amp;there'>good</a> <a href='https://example.org/x'>outside</a>"
        '<h1 id="top-of-it">it</h1> <a href="#top-of-it">good</a> <script>var a = "<a href=c.html>";</script>'
        '<a href="c.html">gone</a> <img src="b.png"> <a href="b.html#nowhere">no place</a>'
    )
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    (tmp_path / "b.html").write_text("<p id='here&amp;there'>", encoding="utf-8")
    assert list(tool.dead(tmp_path, ["a.html", "b.html"])) == [
        "a.html: a link to c.html, which is not there",
        "a.html: a link to b.png, which is not there",
        "a.html: a link to b.html#nowhere, a place that the page lacks",
    ]


def test_pages_made_by_a_template_may_be_sampled(tool, tmp_path):
    for name in ("index", "_modules/a", "_modules/b", "api/generated/c", "_static/theme"):
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert len(tool.pages(tmp_path, 1)) == 4
    assert tool.pages(tmp_path, 2) == ["index.html", "_modules/a.html", "api/generated/c.html"]


def test_every_name_leads_to_a_page_that_there_is(tool):
    for page in tool.NAMES.values():
        assert (ROOT / f"{page}.py").is_file()
