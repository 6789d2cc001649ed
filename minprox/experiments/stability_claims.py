"""What the paper says of X2, stability for larger steps, and what was seen here besides, as claims."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minprox.experiments.claims import Claim
from minprox.experiments.records import Records

LOSS = "train_loss"
SOLVERS = ("cg1", "cg3", "cg5", "exact")


def first_divergence(records: Records) -> float:
    """Return BackProp's smallest diverging step size over its best one."""
    losses = {step: records.last(LOSS, "backprop", step) for step in records.steps("backprop")}
    best = min(losses, key=lambda step: losses[step])
    return min((step for step, loss in losses.items() if math.isinf(loss)), default=math.inf) / best


def divergences(records: Records) -> float:
    """Return how many runs of ProxProp diverged."""
    ends = [records.last(LOSS, key, step) for key in SOLVERS for step in records.steps(key)]
    return sum(map(math.isinf, ends))


def best(records: Records, key: str, steps: Sequence[float] | None = None) -> float:
    """Return the lowest last training loss of a method over the step sizes."""
    return min(records.last(LOSS, key, step) for step in steps or records.steps(key))


def useful(records: Records) -> float:
    """Return the worst last loss of cg3, cg5 and exact from 0.05 to 10 over BackProp's best."""
    steps = [step for step in records.steps("exact") if 0.05 <= step <= 10]
    worst = max(records.last(LOSS, key, step) for key in SOLVERS[1:] for step in steps)
    return worst / best(records, "backprop")


def slow_everywhere(records: Records) -> float:
    """Return the best last loss of cg1 over BackProp's best."""
    return best(records, "cg1") / best(records, "backprop")


def exact_ahead(records: Records) -> float:
    """Return the largest ratio of the exact step's last loss to a truncated one's for τ_θ up to 1."""
    steps = [step for step in records.steps("exact") if step <= 1]
    return max(
        records.last(LOSS, "exact", step) / records.last(LOSS, key, step)
        for key in SOLVERS[:3]
        for step in steps
    )


def exact_at_the_largest(records: Records) -> float:
    """Return the last loss of the exact step over the worst truncated one's, at the largest τ_θ."""
    step = records.steps("exact")[-1]
    return records.last(LOSS, "exact", step) / max(records.last(LOSS, key, step) for key in SOLVERS[:3])


X2_CLAIMS = (
    Claim(
        sentence="BackProp diverges one order of magnitude above its best step.",
        quantity="its smallest diverging step over its best one",
        value=first_divergence,
        holds=lambda factor: factor < 10.001,
    ),
    Claim(
        sentence="ProxProp trains over several orders of magnitude of τ_θ: no run diverges.",
        quantity="runs of ProxProp that diverged",
        value=divergences,
        holds=lambda runs: runs == 0,
        form="{:.0f}",
    ),
    Claim(
        sentence="From τ_θ = 0.05 to 10, cg3, cg5 and exact steps all end below BackProp's best loss.",
        quantity="the worst of them over BackProp's best",
        value=useful,
        holds=lambda factor: factor < 1,
    ),
    Claim(
        sentence="cg1 is stable everywhere and fast nowhere: BackProp at its best ends lower.",
        quantity="the best training loss of cg1 over BackProp's best",
        value=slow_everywhere,
        holds=lambda factor: factor > 1,
        paper=False,
    ),
    Claim(
        sentence="The exact step is best up to τ_θ = 1.",
        quantity="largest ratio of its last training loss to that of a truncated solve",
        value=exact_ahead,
        holds=lambda factor: factor < 1,
        paper=False,
        form="{:.4g}",
    ),
    Claim(
        sentence="At the largest τ_θ the exact step is worse than every truncated solve.",
        quantity="its last training loss over the worst of theirs",
        value=exact_at_the_largest,
        holds=lambda factor: factor > 1,
        paper=False,
    ),
)
