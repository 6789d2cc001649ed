"""What the paper says of X1 and X3 (section 5), and what was seen here besides, as claims."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from minprox.experiments.claims import Claim
from minprox.experiments.records import Records

LOSS = "train_loss"


def at_most_one(ratio: float) -> bool:
    """Tell whether a ratio says that the first is smaller."""
    return ratio < 1


def ratio(column: str, first: str, others: Sequence[str], pick: Any = max) -> Any:
    """Return a function of the records: the last value of a method over those of others, the largest."""

    def value(records: Records) -> float:
        return pick(records.last(column, first) / records.last(column, other) for other in others)

    return value


# X1


def order(records: Records) -> float:
    """Return the largest ratio of a last training loss to the one of the method before it."""
    losses = [records.last(LOSS, key) for key in ("backprop", "cg3", "cg5", "cg10", "exact")]
    return max(after / before for before, after in pairwise(losses))


def share(column: str) -> Any:
    """Return a function: the largest share of BackProp's epochs or time until a ProxProp has its loss."""

    def value(records: Records) -> float:
        target, shares = records.last(LOSS, "backprop"), []
        for key in ("cg3", "cg5", "cg10", "exact"):
            history = records.history(key)
            passed = zip(getattr(history, column), history.train_loss, strict=True)
            reached = next((x for x, loss in passed if loss <= target), math.inf)
            shares.append(reached / records.last(column, "backprop"))
        return max(shares)

    return value


def points(key: str) -> Any:
    """Return a function: by how many points of test accuracy a method is ahead of BackProp."""

    def value(records: Records) -> float:
        return 100 * (records.last("test_accuracy", key) - records.last("test_accuracy", "backprop"))

    return value


def points_on_average(records: Records) -> float:
    """Return by how many points of test accuracy the ProxProps, not the best of them, are ahead."""
    return statistics.fmean(points(key)(records) for key in ("cg3", "cg5", "cg10", "exact"))


X1_CLAIMS = (
    Claim(
        sentence="The more exact the solve, the lower the training loss at the end: BackProp, cg3, cg5, "
        "cg10, exact end in this order.",
        quantity="largest ratio of a last training loss to the one before it in this order",
        value=order,
        holds=at_most_one,
    ),
    Claim(
        sentence="Even cg3 beats BackProp: every ProxProp passes its last training loss in fewer epochs.",
        quantity="largest share of BackProp's epochs that one of them needs",
        value=share("epoch"),
        holds=at_most_one,
    ),
    Claim(
        sentence="Every ProxProp passes BackProp's last training loss in less time.",
        quantity="largest share of BackProp's seconds that one of them needs",
        value=share("seconds"),
        holds=at_most_one,
    ),
    Claim(
        sentence="ProxProp generalises better: about 56 % test accuracy against 54 %.",
        quantity="points of test accuracy by which the ProxProps are ahead on average",
        value=points_on_average,
        holds=lambda gain: gain > 0,
        form="{:.1f}",
        seeds=3,
        mean=True,
    ),
    Claim(
        sentence="The exact step is the cheapest ProxProp.",
        quantity="its seconds over those of the next one",
        value=ratio("seconds", "exact", ("cg3", "cg5", "cg10")),
        holds=at_most_one,
        paper=False,
    ),
    Claim(
        sentence="cg3 stalls: its training loss rises again before the end.",
        quantity="its last training loss over its lowest",
        value=lambda records: records.last(LOSS, "cg3") / min(records.history("cg3").train_loss),
        holds=lambda rise: rise > 1,
        paper=False,
    ),
)

# X3


def until_as_accurate(records: Records) -> float:
    """Return the larger share of epochs that cg3 or cg10 needs for BackProp's best validation accuracy."""
    best = max(records.history("backprop").validation_accuracy)

    def epochs(key: str) -> float:
        history = records.history(key)
        accuracies = zip(history.epoch, history.validation_accuracy, strict=True)
        return next((epoch for epoch, accuracy in accuracies if accuracy >= best), math.inf)

    return max(map(epochs, ("cg3", "cg10"))) / epochs("backprop")


X3_CLAIMS = (
    Claim(
        sentence="Adam on implicit steps is ahead of Adam on gradients in training loss.",
        quantity="largest last training loss of a ProxProp over that of BackProp",
        value=lambda records: max(
            records.last(LOSS, key) / records.last(LOSS, "backprop") for key in ("cg3", "cg10", "exact")
        ),
        holds=at_most_one,
    ),
    Claim(
        sentence="It is ahead in accuracy, too: every ProxProp by more than two points in the test.",
        quantity="points of test accuracy by which the worst ProxProp is ahead",
        value=lambda records: min(points(key)(records) for key in ("cg3", "cg10", "exact")),
        holds=lambda gain: gain > 2,  # some four standard errors of 10,000 images
        form="{:.1f}",
    ),
    Claim(
        sentence="cg10 is ahead of cg3 per epoch.",
        quantity="its last training loss over that of cg3",
        value=ratio(LOSS, "cg10", ("cg3",)),
        holds=at_most_one,
    ),
    Claim(
        sentence="The exact step is behind both truncated solves per epoch.",
        quantity="its last training loss over the larger of theirs",
        value=ratio(LOSS, "exact", ("cg3", "cg10"), min),
        holds=lambda factor: factor > 1,
        paper=False,
    ),
    Claim(
        sentence="cg3 and cg10 have BackProp's best validation accuracy in fewer epochs.",
        quantity="larger share of the epochs that BackProp takes to it",
        value=until_as_accurate,
        holds=at_most_one,
        paper=False,
    ),
)
