"""How Sphinx builds the documentation. Nothing here uses the network, neither the build nor the pages."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]

from minprox import __version__  # noqa: E402

project = "minprox"
author = "The minprox authors"
copyright = "the minprox authors"
version = release = __version__

# Formulas are set by MathJax 3.2.2 and its fonts, which the package sphinx-mathjax-offline carries: pages
# need no network, the build needs neither LaTeX nor Node, and every browser shows the same. MathML would need
# no script, but its converters in Python know neither aligned equations nor their labels, and without a
# mathematical font on the reader's machine brackets do not grow.
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "commands",
    "labels",
    "paper",
    "play",
    "records",
    "reference",
    "site_pages",
    "slides",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # the order of the tutorials is a class, which no cache can hold

autosummary_generate = True
autodoc_inherit_docstrings = False  # what every layer has is told once, at the base class
autodoc_typehints = "none"  # shapes and dtypes stand in the docstrings
autodoc_member_order = "bysource"
# The names of files tell these pairs apart where capitals do not.
autosummary_filename_map = {
    "minprox.experiments.Run": "minprox.experiments.Run-class",
    "minprox.paper.theory.Descent": "minprox.paper.theory.Descent-class",
    "minprox.paper.theory.Sharpness": "minprox.paper.theory.Sharpness-class",
}
numpydoc_show_class_members = False
nitpick_ignore_regex = [
    ("py:(attr|meth)", r"\w+"),  # those that a docstring explains under Attributes have no entry of their own
]

sphinx_gallery_conf = {
    "examples_dirs": ["../tutorials"],
    "gallery_dirs": ["tutorials"],
    "filename_pattern": r"/\d\d_",
    "ignore_pattern": r"^ex\d\d_",  # of the exercises there is the text, not the files
    "within_subsection_order": "FileNameSortKey",
    "nested_sections": False,
    "abort_on_example_error": True,
    "backreferences_dir": "api/generated/backreferences",
    "doc_module": ("minprox",),
    "reference_url": {"minprox": None},
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "plot_gallery": os.environ.get("GALLERY", "1") != "0",
}

bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"

html_theme = "pydata_sphinx_theme"
html_title = f"minprox {release}"
html_static_path = ["_static"]
html_css_files = ["minprox.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}  # light or dark as the reader's machine has it
html_show_sourcelink = False
html_copy_source = False
ALONE = (
    "index",
    "getting-started",
    "paper",
    "command-line",
    "results",
    "benchmarks",
    "exercises",
    "play-how",
    "teaching",
    "bibliography",
)
html_sidebars = {page: [] for page in ALONE}  # pages without pages below them leave the width to the code
html_theme_options = {
    "logo": {"text": "minprox"},
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 5,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    # Beside a list of pages there is none of sections: code and figures get the width.
    "secondary_sidebar_items": {page: ["page-toc"] for page in ALONE},
}
