"""Links of a built site that lead nowhere: to a file that is not there, or to a place that its page lacks."""

import functools
import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

LINK = re.compile(r"""<(?:a|link|img|script|source)\s[^>]*?\b(?:href|src)=(["'])(.*?)\1""", re.DOTALL)
PLACE = re.compile(r"""\s(?:id|name)=(["'])(.*?)\1""")


@functools.cache
def places(page: Path) -> frozenset[str]:
    """Return the names to which one can point in a page."""
    text = page.read_text(encoding="utf-8", errors="replace")
    return frozenset(html.unescape(name) for _, name in PLACE.findall(text))


def dead(folder: Path, pages: list[str]) -> Iterator[str]:
    """Yield a line for each link within a site that leads nowhere."""
    places.cache_clear()
    for page in pages:
        text = (folder / page).read_text(encoding="utf-8")
        text = re.sub(r"<script[^>]*>.+?</script>|<!--.*?-->", "", text, flags=re.DOTALL)
        for address in dict.fromkeys(html.unescape(found) for _, found in LINK.findall(text)):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            path = unquote(parts.path)
            target = (folder / page).parent / path if path else folder / page
            if not target.is_file():
                yield f"{page}: a link to {address}, which is not there"
            elif parts.fragment and target.suffix == ".html":
                name = unquote(parts.fragment)
                if name not in places(target.resolve()) | {"top"}:
                    yield f"{page}: a link to {address}, a place that the page lacks"
