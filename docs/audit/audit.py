"""Look at the built documentation as a reader's browser shows it: ``make audit``.

    python docs/audit/audit.py [--folder FOLDER] [--every N] [PAGE …]

Each page is opened in Chromium at 390, 1280 and 1920 pixels, and in light and in dark. Told are

- code that is wider than its box, and pages wider than the window;
- figures below 90 % of the width that they have in print (pixels over the resolution in the file), and those
  that have to be scrolled where the window is wide;
- requests that leave the machine, files that are not there, errors in the console; links to nowhere;
- text and code whose contrast is below that of WCAG, level AA; pages that stay bright in the dark, but for
  those that say so in a tag <meta name="color-scheme" content="only light">;
- names that the search does not lead from to their page, and a switch to dark mode that does nothing.

The exit code is 1 if anything is told. Where there is no Chromium only the links are looked at.
"""

import argparse
import functools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from chromium import Tab, found
from links import dead
from PIL import Image

HERE = Path(__file__).parent
LOOK = (HERE / "look.js").read_text(encoding="utf-8")
WIDTHS = (1280, 1920, 390)
IN_PRINT = 0.9  # of its width in print, a figure has at least this much on the screen
GENERATED = ("_modules/", "api/generated/")  # many, and made by one template

# From the names that readers bring along to the page that answers them.
NAMES = {
    **dict.fromkeys(
        (
            *("Levenberg-Marquardt", "Levenberg–Marquardt", "trust region", "ridge regression", "damping"),
            *("K-FAC", "FOOF", "natural gradient", "Gauss-Newton", "Tikhonov"),
        ),
        "tutorials/23_other_names",
    ),
    "implicit Euler": "tutorials/01_implicit_euler",
    "backward Euler": "tutorials/01_implicit_euler",
    "proximal point": "tutorials/02_proximal_maps",
    "Moreau envelope": "tutorials/02_proximal_maps",
    "batch rule": "tutorials/24_scalings",
    "Crank-Nicolson": "tutorials/25_stability_regions",
    "stability region": "tutorials/25_stability_regions",
    "ADMM": "tutorials/26_splitting",
    "augmented Lagrangian": "tutorials/26_splitting",
    "Newton-CG": "tutorials/27_nonlinear_steps",
    "deep equilibrium": "tutorials/27_nonlinear_steps",
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


class Patient(ThreadingHTTPServer):
    request_queue_size = 128  # a page asks for dozens of files at once


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder to this machine alone, and give its address."""
    server = Patient(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@functools.cache
def in_print(path: Path) -> float | None:
    """Return the width of a picture in print, in CSS pixels of 1/96 inch, or None where its file has none."""
    if not path.is_file() or path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        return None
    with Image.open(path) as picture:
        dpi = picture.info.get("dpi")
        return picture.width / float(dpi[0]) * 96 if dpi and dpi[0] > 1 else None


def at_once(line: str) -> None:
    print(line, flush=True)


class Audit:
    """What is told about the pages of a folder that is served, one line each."""

    def __init__(self, folder: Path, say: Callable[[str], None] = at_once):
        self.folder, self.say, self.told, self.page = folder, say, [], ""
        self.addresses: dict[str, str] = {}

    def tell(self, what: str) -> None:
        line = f"{self.page}: {what}"
        if line not in self.told:
            self.told.append(line)
            self.say(line)

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """Tell of requests, answers and errors while a page is there."""
        if method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            self.addresses[params["requestId"]] = url
            if urlsplit(url).scheme not in ("data", "blob", "about") and not url.startswith(self.base):
                self.tell(f"a request leaves the machine: {url}")
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            self.tell(f"not there: {params['response']['url'].removeprefix(self.base)}")
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", details["text"])
            self.tell(f"an error in the console: {thrown.splitlines()[0]}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            words = " ".join(str(part.get("value", part.get("description"))) for part in params["args"])
            self.tell(f"an error in the console: {words}")
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.tell(f"an error in the console: {params['entry']['text']}")

    def shape(self, width: int) -> None:
        """Tell of what is cut or shrunk at a width of the window."""
        self.tab.size(width)
        shape = self.tab.run("look.drawn().then(look.shape)")
        if shape["page"] > shape["window"] + 1:
            self.tell(f"{width} px: the page is {shape['page']} px wide")
        for box in shape["cut"]:
            self.tell(f"{width} px: code of {box['all']} px is cut at {box['inside']} px: {box['text']!r}")
        for figure in shape["figures"]:
            address = figure["source"] if figure["source"].startswith(self.base) else ""
            path = self.folder / unquote(urlsplit(address).path).lstrip("/")
            wide = in_print(path) or figure["natural"]
            if figure["width"] < IN_PRINT * wide - 0.5:
                share = f"{figure['width'] / wide:.0%}" if wide else "nothing"
                self.tell(f"{width} px: {path.name} has {share} of its width in print")
            if figure["scrolls"] and width >= WIDTHS[0]:
                self.tell(f"{width} px: {path.name} has to be scrolled")

    def contrast(self, scheme: str) -> None:
        """Tell of text that is hard to read, and of a page that stays bright in the dark."""
        self.tab.scheme(scheme)
        seen = self.tab.run("look.drawn().then(look.contrast)")
        for fault in seen["faults"]:
            self.tell(
                f"{scheme}: contrast {fault['ratio']:.2f} < {fault['least']} ({fault['colours']}) "
                f"in {fault['where']}: {fault['text']!r}"
            )
        if (seen["ground"] > 0.2) == (scheme == "dark" and not seen["bright"]):
            self.tell(f"{scheme}: the ground has a luminance of {seen['ground']:.2f}")

    def open(self, page: str, query: str = "") -> None:
        self.page = page
        self.tab.open(self.base + quote(page) + query)
        self.tab.run(f"window.look = {LOOK}; look.ready()")

    def look(self, page: str, widths: Iterable[int] = WIDTHS) -> None:
        """Look at one page."""
        self.tab.scheme("light")
        self.open(page)
        for width in widths:
            self.shape(width)
        self.tab.size(1280)
        self.contrast("light")
        self.contrast("dark")

    def switch(self, page: str) -> None:
        """Choose dark on a page, as a reader whose machine says light."""
        self.tab.scheme("light")
        self.open(page)
        press = (
            "document.querySelector('.theme-change-button[data-mode=dark]')?.click(), look.contrast().ground"
        )
        if self.tab.run(press) > 0.2:
            self.tell("the switch to dark mode does nothing")
        self.tab.run("localStorage.clear()")

    def search(self, words: str, page: str, among: int = 8) -> None:
        """Search as a reader does, and tell of a page that is not among the first results."""
        self.open("search.html", f"?q={quote(words)}")
        results = self.tab.run(
            """new Promise((done, fail) => { const end = Date.now() + 20000; (function wait() {
              const links = [...document.querySelectorAll('#search-results li a')].map((a) => a.href);
              const said = document.querySelector('#search-results .search-summary')?.textContent;
              if (said || Date.now() > end) done(links); else setTimeout(wait, 50); })(); })"""
        )
        pages = list(dict.fromkeys(unquote(urlsplit(link).path).lstrip("/") for link in results))
        if f"{page}.html" not in pages[:among]:
            place = pages.index(f"{page}.html") + 1 if f"{page}.html" in pages else "nowhere"
            self.tell(f"the search for {words!r} leads to {page} at place {place} of {len(pages)}")

    @contextmanager
    def browser(self) -> Iterator["Audit"]:
        """Hold a browser and the server that it looks at."""
        with served(self.folder) as self.base, Tab(self.hear) as self.tab:
            yield self


def pages(folder: Path, every: int) -> list[str]:
    """Return the pages of a folder; of those that a template made only each so-many-th."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    names = [name for name in names if not name.startswith("_static/")]  # templates of the theme
    made = [name for name in names if name.startswith(GENERATED)]
    return [name for name in names if name not in set(made)] + made[::every]


def main() -> None:
    parser = argparse.ArgumentParser(description="Look at the built documentation in a browser.")
    parser.add_argument("pages", nargs="*", help="such as tutorials/05_proxprop.html; all if none is given")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "_build" / "html")
    parser.add_argument("--every", type=int, default=1, help="of source and API only every so-many-th page")
    asked = parser.parse_args()
    if not (asked.folder / "index.html").is_file():
        parser.error(f"no built documentation in {asked.folder}: make docs builds it")
    wanted = asked.pages or pages(asked.folder, max(asked.every, 1))
    faults = list(dead(asked.folder, asked.pages or pages(asked.folder, 1)))
    print(*faults, sep="\n", end="\n" if faults else "")
    if found() is None:
        print(f"There is no Chromium: only the links were looked at, {len(faults)} faults")
        sys.exit(1 if faults else 0)
    with Audit(asked.folder).browser() as audit:
        for page in wanted:
            audit.look(page)
        if not asked.pages:
            for page in ("index.html", "tutorials/23_other_names.html"):
                audit.switch(page)
            for words, page in NAMES.items():
                audit.search(words, page)
    faults += audit.told
    print(f"{len(wanted)} pages, {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
