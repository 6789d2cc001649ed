"""What the site has beside Sphinx: tables in notebooks, slides, figures of the tutorials, links in code."""

import importlib.util
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
TUTORIALS = {path.stem: path for path in (ROOT / "tutorials").glob("[0-9]*.py")}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
        del sys.modules[path.stem]
    return module


@pytest.fixture
def site():
    pytest.importorskip("sphinx_gallery")
    return load(ROOT / "docs" / "_ext" / "site_pages.py")


def test_simple_tables_become_those_of_markdown(site):
    table = (
        "before\n\n== =========\na  b\n..  more\n== =========\n1  2 |x|\n   and\n.. 3\n== =========\n\nafter"
    )
    assert site.markdown_tables(table.replace("..  more", "   more")).splitlines() == [
        *(
            "before",
            "",
            "| a | b more |",
            "|---|---|",
            r"| 1 | 2 \vert x\vert  and |",
            "|  | 3 |",
            "",
            "after",
        )
    ]
    assert site.markdown_tables("Title\n=====\ntext") == "Title\n=====\ntext"


def test_every_table_of_the_tutorials_is_converted(site):
    rule = re.compile(r"^# ={2,}( +={2,})+$", re.MULTILINE)
    having = [path for path in TUTORIALS.values() if rule.search(path.read_text(encoding="utf-8"))]
    assert having
    for path in having:
        text = re.sub(r"^# ?", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert not re.search(r"^={2,}( +={2,})+$", site.markdown_tables(text), re.MULTILINE), path.name


def test_labels_in_code_are_links(site):
    env = SimpleNamespace(paper_labels={"E6": "paper"})
    builder = SimpleNamespace(get_relative_uri=lambda page, to: f"{to}.html")
    context = {"body": '<span class="c1"># (E6, P3)</span> <span class="n">E6</span> <p>(E6)</p>'}
    site.label_links(SimpleNamespace(env=env, builder=builder), "page", "", context, None)
    (link,) = re.findall("<a .*?</a>", context["body"])
    assert 'href="paper.html#paper-e6"' in link
    assert link.endswith(">E6</a>")
    assert context["body"].endswith(', P3)</span> <span class="n">E6</span> <p>(E6)</p>')


def test_the_way_back_from_source_finds_its_anchor(site):
    page = "api/generated/minprox.engine.Symbol"
    objects = {
        "minprox.Symbol": SimpleNamespace(docname=page, aliased=True),
        "minprox.engine.Symbol": SimpleNamespace(docname=page, aliased=False),
    }
    domain = SimpleNamespace(objects=objects)
    app = SimpleNamespace(env=SimpleNamespace(get_domain=lambda name: domain))
    dead = '<a class="viewcode-back" href="../../api/generated/minprox.engine.Symbol.html#minprox.Symbol">'
    context = {"body": dead}
    site.mend_source_links(app, "_modules/minprox/engine", "", context, None)
    assert context["body"] == dead.replace("#minprox.Symbol", "#minprox.engine.Symbol")


def test_links_to_source_that_no_page_shows_are_text(site):
    app = SimpleNamespace(env=SimpleNamespace(_viewcode_modules={"minprox.engine.passes": ("code",)}))
    link = '<a class="reference external" href="../_modules/minprox/{}.html#f">{}</a>'
    shown, hidden = link.format("engine/passes", "one"), link.format("experiments/paper", "other")
    context = {"body": f"{shown} and {hidden}"}
    site.drop_links_to_no_source(app, "page", "", context, None)
    assert context["body"] == f"{shown} and other"


def test_the_slides_show_figures_that_there_are(tmp_path):
    slides = load(ROOT / "docs" / "_ext" / "slides.py")
    text = (ROOT / "docs" / "slides" / "slides.html").read_text(encoding="utf-8")
    wanted = slides.FIGURE.findall(text)
    assert len(wanted) >= 6
    for tutorial, number, alt in wanted:
        assert alt
        assert TUTORIALS[tutorial].read_text(encoding="utf-8").count("plt.show()") >= int(number)
    assert slides.page(tmp_path).count('class="missing"') == len(wanted)
    tutorial, number, _ = wanted[0]
    (tmp_path / f"sphx_glr_{tutorial}_{int(number):03}.png").touch()
    page = slides.page(tmp_path)
    assert f'src="_images/sphx_glr_{tutorial}_{int(number):03}.png"' in page
    assert not re.search(r"(src|href)=\"https?:", page)


def test_the_slides_follow_the_plan():
    """The minutes on the slides are those of the lecture."""
    text = (ROOT / "docs" / "slides" / "slides.html").read_text(encoding="utf-8")
    spans = [tuple(map(int, span)) for span in re.findall(r'class="when">(\d+)–(\d+)<', text)]
    assert (spans[0][0], spans[-1][1]) == (0, 90)
    assert all(end == begin for (_, end), (begin, _) in pairwise(spans))
    planned = re.findall(r"^   \* - (\d+)–(\d+)$", (ROOT / "docs" / "teaching.rst").read_text("utf-8"), re.M)
    ends = {end for _, end in spans}
    assert {int(end) for _, end in planned} <= ends


FIGURES = ROOT / "docs" / "tutorial_figures.py"


def test_the_figures_of_a_tutorial_are_saved(tmp_path):
    """Those of pyplot, and one that is the value of a line; in the order in which they are shown."""
    tutorials = tmp_path / "tutorials"
    tutorials.mkdir()
    (tutorials / "01_it.py").write_text(
        "import matplotlib.pyplot as plt\nfrom matplotlib.figure import Figure\n"
        "plt.plot([1, 2])\nplt.gcf()\nplt.show()\nprint('aside')\nFigure(figsize=(2, 1))\n"
    )
    (tmp_path / "docs").mkdir()
    script = tmp_path / "docs" / FIGURES.name
    script.write_text(FIGURES.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), "1", "--folder", str(tmp_path / "out")],
        *(), capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert done.stdout == f"01_it.py: 2 figures in {tmp_path / 'out'}\n"
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["01_it-1.pdf", "01_it-1.svg", "01_it-2.pdf", "01_it-2.svg"]
    assert (tmp_path / "out" / "01_it-1.pdf").read_bytes().startswith(b"%PDF")


def test_an_unknown_tutorial_is_refused():
    done = subprocess.run([sys.executable, str(FIGURES), "99"], capture_output=True, encoding="utf-8")
    assert done.returncode == 2
    assert "no tutorial 99" in done.stderr


@pytest.mark.parametrize(
    "name",
    ["Levenberg", "Marquardt", "trust region", "ridge", "K-FAC", "FOOF", "natural gradient", "Gauss–Newton"],
)
def test_the_other_names_of_the_step_can_be_searched(name):
    """The search of the site knows a page by its words."""
    text = " ".join(TUTORIALS["23_other_names"].read_text(encoding="utf-8").replace("\n# ", " ").split())
    assert name.lower() in text.lower()
