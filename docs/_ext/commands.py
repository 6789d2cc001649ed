"""The command line on a page: what each command says of itself."""

import click
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from minprox.cli.program import cli


class Commands(SphinxDirective):
    """``.. commands::``: a section with the help of each command of ``minprox``."""

    def run(self):
        found = []
        context = click.Context(cli, info_name="minprox", max_content_width=88)
        for name, command in cli.commands.items():
            section = nodes.section(ids=[f"minprox-{name}"], names=[f"minprox {name}"])
            section += nodes.title(text=f"minprox {name}")
            text = command.get_help(
                click.Context(command, info_name=name, parent=context, max_content_width=88)
            )
            section += nodes.literal_block(text, text, language="text")
            self.state.document.note_implicit_target(section, section)
            found.append(section)
        return found


def setup(app):
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
