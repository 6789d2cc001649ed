"""What the examples in docstrings share: the imports, one small net with tape, loss and labels, A and δ."""

import doctest

import pytest


@pytest.fixture(autouse=True)
def small_net(request: pytest.FixtureRequest) -> None:
    """Put the net of the example of :func:`minprox.forward` where every example of the package finds it."""
    example = getattr(request.node, "dtest", None)
    where = request.node.path.relative_to(request.config.rootpath).parts[0]
    if not isinstance(example, doctest.DocTest) or where != "minprox":
        return
    import numpy as np

    import minprox as mp

    net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    tape = mp.forward(net, np.ones((5, 4), dtype="float32"))
    shared = {"mp": mp, "np": np, "net": net, "tape": tape}
    shared |= {"A": mp.DenseMap(np.diag([1.0, 3.0]), bias=False), "delta": np.array([[2.0], [5.0]])}
    shared |= {"loss": mp.CrossEntropy(), "y": np.array([0, 1, 2, 0, 1])}
    request.getfixturevalue("doctest_namespace").update(shared)
