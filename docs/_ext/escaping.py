"""Text of foreign origin on a page: it shows as it is, and is neither markup nor a directive."""

from minprox.ground.text import one_line


def literal(value):
    """Return reStructuredText, on one line, that shows a value and does nothing else."""
    return "".join(c if c.isalnum() or c == " " else f"\\{c}" for c in one_line(str(value)))
