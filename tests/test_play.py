"""The page to play with: its formulas beside the package, its data measured again, the page in a browser."""

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import minprox as mp

DOCS = Path(__file__).parents[1] / "docs"
TEMPLATE = (DOCS / "play" / "play.html").read_text(encoding="utf-8")
DATA = json.loads((DOCS / "play" / "training.json").read_text(encoding="utf-8"))
NODE = shutil.which("node") or shutil.which("nodejs")


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evaluate(expression, formulas=None):
    """Return what an expression of the page's formulas ``F`` is, computed by Node."""
    if NODE is None:
        pytest.skip("there is no Node to evaluate JavaScript")
    if formulas is None:
        (formulas,) = re.findall(r'<script id="formulas">(.*?)</script>', TEMPLATE, re.DOTALL)
    script = f"{formulas}\nprocess.stdout.write(JSON.stringify({expression}));"
    done = subprocess.run([NODE, "-e", script], capture_output=True, encoding="utf-8", check=True, timeout=60)
    return json.loads(done.stdout)


NUMBERS = [(0.01, 0.003), (0.5, 0.05), (1.0, 1.0), (4.0, 12.8)]
S = [0.05, 0.7, 3.0, 60.0]


def call(name, arguments):
    return f"{json.dumps(arguments)}.map((p) => F.{name}(...p))"


def test_the_filter_is_what_an_exact_step_fits():
    """A d over δ, along each singular vector  (E6)."""
    for _, tau_theta in NUMBERS:
        A = mp.DenseMap(np.diag(S), bias=False)
        fitted = np.diag(A.matrix() @ mp.Exact()(A, np.eye(len(S)), tau_theta))
        np.testing.assert_allclose(evaluate(call("filter", [(s, tau_theta) for s in S])), fitted, rtol=1e-12)


def test_the_factors_are_those_of_the_theory():
    """(P5)."""
    for tau, _ in NUMBERS:
        pairs = [(s * s, tau) for s in S]
        lam = np.square(S)
        np.testing.assert_allclose(
            evaluate(call("explicit", pairs)), mp.theory.explicit_factor(lam, tau), rtol=1e-12
        )
        np.testing.assert_allclose(
            evaluate(call("implicit", pairs)), mp.theory.implicit_factor(lam, tau), rtol=1e-12
        )


@pytest.mark.parametrize("N", [26, 400])
def test_a_step_of_proxprop_is_that_of_an_exact_solve(N):
    """θ − τ d with δ = Aθ/N, the error of a mean of N squared errors  (E6)."""
    lam, theta = np.array([0.25, 4.0]), np.array([[3.0], [1.5]])
    x = np.tile(np.diag(np.sqrt(2 * lam)), (N // 2, 1))  # so that xᵀx = N diag(lam)
    A = mp.DenseMap(x, bias=False)
    for tau, tau_theta in NUMBERS:
        moved = theta - tau * mp.Exact()(A, x @ theta / N, tau_theta)
        factors = evaluate(call("proximal", [(value, tau, tau_theta, N) for value in lam]))
        np.testing.assert_allclose(moved.ravel(), theta.ravel() * factors, rtol=1e-10)


def test_the_growth_is_that_of_steps_on_a_linear_equation():
    for re_, im in ((-0.5, 0.0), (-3.0, 0.5), (0.0, 1.2), (0.7, -2.0)):
        z = re_ + 1j * im
        expected = abs(1 + z), abs(1 / (1 - z)), abs((1 + z / 2) / (1 - z / 2))
        found = [evaluate(f"F.growth.{name}({re_}, {im})") for name in ("explicit", "implicit", "middle")]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_rule_keeps_the_step():
    (tau, tau_theta) = evaluate("F.rule(1, 0.05, 4)")
    before, after = evaluate(f"[F.proximal(2, 1, 0.05, 100), F.proximal(2, {tau}, {tau_theta}, 400)]")
    assert np.isclose(before, after, rtol=1e-12)
    assert evaluate("F.nearest([0.25, 1, 4], 1.9)") == 1
    assert evaluate("F.iterates([1, 2], [2, -1], 2)") == [[1, 2], [2, -2], [4, 2]]


def test_a_wrong_formula_is_noticed():
    wrong = "const F = { explicit: (lam, tau) => 1 + tau * lam };"
    assert not np.isclose(evaluate("F.explicit(4, 0.1)", wrong), mp.theory.explicit_factor(4.0, 0.1))


def test_the_curves_are_measured_on_the_whole_grid():
    script = load(DOCS / "play" / "measure_training.py")
    assert (DATA["taus"], DATA["tau_thetas"], DATA["batches"]) == (
        script.TAUS,
        script.TAU_THETAS,
        script.BATCHES,
    )
    for N in map(str, DATA["batches"]):
        assert len(DATA["backprop"][N]) == len(DATA["proxprop"][N]) == len(DATA["taus"])
        assert all(len(row) == len(DATA["tau_thetas"]) for row in DATA["proxprop"][N])
    curves = [c for N in DATA["backprop"].values() for c in N]
    curves += [c for N in DATA["proxprop"].values() for row in N for c in row]
    assert all(2.2 < c[0] < 3 and 1 <= len(c) <= DATA["epochs"] + 1 for c in curves)


def test_two_of_the_curves_are_measured_again():
    """Where training is calm, so that another processor's rounding changes no digit that is shown much."""
    script = load(DOCS / "play" / "measure_training.py")
    data = mp.datasets.digits(dtype="float64")
    i, j = script.TAUS.index(0.25), 2
    np.testing.assert_allclose(script.curve(data, 0.25, 400), DATA["backprop"]["400"][i], rtol=0.02)
    again = script.curve(data, 0.25, 400, script.TAU_THETAS[j])
    np.testing.assert_allclose(again, DATA["proxprop"]["400"][i][j], rtol=0.02)
    assert script.singular_values(data, 25) == DATA["singular_values"]["25"]


def test_the_page_asks_for_nothing():
    """No request leaves the machine: no address but those of pages beside it, and the one of SVG's names."""
    addresses = set(re.findall(r"""(?:src|href|url|fetch|import)\s*[=(]\s*["']([^"'#]+)""", TEMPLATE))
    assert addresses <= {"data:,", "index.html", "tutorials/index.html", "play-how.html"}
    assert set(re.findall(r"https?://[^\s\"')]+", TEMPLATE)) == {"http://www.w3.org/2000/svg"}
    for slider in ("tau", "theta", "batch"):
        assert f'<label for="{slider}">' in TEMPLATE
        assert f'id="{slider}" type="range"' in TEMPLATE


WATCH = """<script>
window.problems = [];
addEventListener("error", (event) => problems.push(event.message));
addEventListener("load", () => {
  for (const [id, value] of [["tau", 2], ["theta", 3], ["batch", 2], ["tau", -3], ["theta", -2]]) {
    const slider = document.getElementById(id);
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
  }
  document.querySelectorAll("button").forEach((button) => button.click());
  const wide = document.documentElement.scrollWidth > innerWidth ? "too wide" : "fits";
  document.title = JSON.stringify({ ready: document.documentElement.dataset.ready, problems, wide });
});
</script>"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_page_works_in_a_browser(tmp_path, width):
    browser = load(DOCS / "audit" / "chromium.py").found()
    if browser is None:
        pytest.skip("there is no Chromium that starts")
    page = load(DOCS / "_ext" / "play.py").page()
    path = tmp_path / "play.html"
    path.write_text(page.replace("<head>", f"<head>{WATCH}", 1), encoding="utf-8")
    frame = tmp_path / "frame.html"  # headless windows have a least width, frames have none
    frame.write_text(
        f'<iframe id="f" src="play.html" style="width:{width}px;height:900px;border:0"></iframe>'
        "<script>addEventListener('load', () => {"
        " document.title = document.getElementById('f').contentDocument.title; })</script>",
        encoding="utf-8",
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom"]
    done = subprocess.run(
        [browser, *options, frame.as_uri()], capture_output=True, encoding="utf-8", timeout=120, check=True
    )
    told = json.loads(re.search("<title>(.*?)</title>", done.stdout)[1].replace("&quot;", '"'))
    assert told == {"ready": "yes", "problems": [], "wide": "fits"}
