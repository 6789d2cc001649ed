"""What a notebook shows of nets and tapes: the same tables as text, in HTML."""

import re

import numpy as np
import pytest

import minprox as mp


@pytest.fixture
def net():
    return mp.Sequential(mp.Linear(3, 4), mp.ReLU(), mp.Linear(4, 2), seed=0, dtype="float64")


def cells(html):
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", html)]


def test_a_net_and_a_tape_show_what_their_summaries_say(net):
    tape = mp.forward(net, np.ones((5, 3)))
    for shown in (net, tape):
        head, *body = shown.summary().splitlines()
        table = cells(shown._repr_html_())
        assert len(table) == 1 + len(net.nodes)
        for line, row in zip([head, *body[1:]], table, strict=False):
            assert line.split() == " ".join(row).split()
        assert body[-1] in shown._repr_html_()


def test_what_stands_in_a_cell_is_escaped():
    class Odd(mp.Layer):
        def forward(self, a):
            return a

        def adjoint(self, delta, a, z):
            return delta

        def __repr__(self):
            return "Odd('<b>&')"

    html = mp.Sequential(mp.Input((2,)), Odd(), mp.Linear(2, 1))._repr_html_()
    assert "Odd(&#x27;&lt;b&gt;&amp;&#x27;)" in html
    assert "<b>" not in html
