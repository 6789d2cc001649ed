"""SPAUC: its formulas against sums over all pairs, its steps against a literal algorithm, its streams."""

import itertools

import numpy as np
import pytest
from conftest import raises, relative
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import minprox as mp
from minprox.ground import backend
from minprox.methods import spauc
from minprox.methods.spauc import spam_gradient

L2 = mp.prox.L2Squared


def examples(n=40, features=5, seed=0):
    """Examples whose classes differ in mean and spread, 30 % of them positive."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.permutation(n) < max(1, int(0.3 * n)), 1, -1)
    shift = rng.standard_normal((2, features))
    x = rng.standard_normal((n, features)) * (1 + 0.5 * (y == 1))[:, None] + shift[0]
    return x + np.outer(y == 1, shift[1]), y


# AUC


def brute_force(scores, y):
    pairs = itertools.product(scores[y == 1], scores[y != 1])
    return np.mean([1.0 if s > r else 0.5 if s == r else 0.0 for s, r in pairs])


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30))
def test_auc_counts_pairs_and_half_the_ties(pairs):
    """The share of pairs ranked right (S12)."""
    scores, y = np.array([s for s, _ in pairs], "float64"), np.array([int(b) for _, b in pairs])
    if 0 < y.sum() < len(y):
        assert spauc.auc(scores, y) == pytest.approx(brute_force(scores, y), abs=1e-15)
        assert spauc.auc(-scores, y) == pytest.approx(1 - spauc.auc(scores, y), abs=1e-15)
        assert spauc.auc(np.exp(scores), y) == spauc.auc(scores, y)  # only the order counts
    else:
        with raises(ValueError, "two classes", str(y[:1].tolist())):
            spauc.auc(scores, y)


@pytest.mark.parametrize("labels", [(0, 1), (-1, 1), (1, 2), (False, True), ("a", "b")])
def test_the_larger_label_is_the_positive_class(labels):
    y = np.array(labels)[[0, 0, 1, 1]]
    assert spauc.auc(np.array([1.0, 2.0, 2.0, 3.0]), y) == 0.875


def test_what_has_no_auc_is_told():
    with raises(ValueError, "NaN"):
        spauc.auc(np.array([1.0, np.nan]), np.array([0, 1]))
    with raises(ValueError, "one shape", "(3,)", "(2,)"):
        spauc.auc(np.ones(3), np.array([0, 1]))
    with raises(ValueError, "two classes", "[0, 1, 2]"):
        spauc.auc(np.ones(3), np.array([0, 1, 2]))


def test_auc_of_a_million_scores():
    """A sum over the 2.5·10¹¹ pairs would not end."""
    rng = np.random.default_rng(0)
    y = rng.permutation(1_000_000) % 2
    found = spauc.auc(rng.standard_normal(1_000_000) + y, y)
    assert found == pytest.approx(0.7602, abs=0.002)  # Φ(1/√2)


# The formulas


def pairwise(w, x, y):
    """f and its gradient as sums over all pairs, without a word of means."""
    p, plus, minus = np.mean(y == 1), x[y == 1], x[y != 1]
    d = (plus[:, None] - minus[None]).reshape(-1, x.shape[1])
    value = p * (1 - p) * np.mean((1 - d @ w) ** 2)
    return value, p * (1 - p) * np.mean(-2 * (1 - d @ w)[:, None] * d, axis=0)


@given(seed=st.integers(0, 99), n=st.integers(4, 30), features=st.integers(1, 6))
def test_the_mean_over_examples_is_the_sum_over_pairs(seed, n, features):
    """(S1), (S2), (S3), and SPAM's (S9): values and gradients, to 1e-12."""
    x, y = examples(n, features, seed)
    w = np.random.default_rng(seed + 1).standard_normal(features)
    m = spauc.moments(x, y)
    value, full = pairwise(w, x, y)
    z = [(row, label == 1, *m[:3]) for row, label in zip(x, y, strict=True)]
    assert spauc.objective(w, m) == pytest.approx(value, rel=1e-12)
    assert np.mean([spauc.surrogate(w, *e) for e in z]) == pytest.approx(value, rel=1e-12)
    assert relative(np.mean([spauc.gradient(w, *e) for e in z], axis=0), full) <= 1e-12
    assert relative(np.mean([spam_gradient(w, *e) for e in z], axis=0), full) <= 1e-11


def test_the_gradient_is_that_of_the_surrogate(rng):
    """(S3) by central differences of (S2), which are exact for a quadratic."""
    for positive, p in ((True, 0.2), (False, 0.7)):
        w, x, u, v, direction = rng.standard_normal((5, 4))
        ends = [spauc.surrogate(w + h * direction, x, positive, p, u, v) for h in (1, -1)]
        slope = spauc.gradient(w, x, positive, p, u, v) @ direction
        assert (ends[0] - ends[1]) / 2 == pytest.approx(slope, rel=1e-12)


@given(seed=st.integers(0, 999), positive=st.booleans(), p=st.floats(0, 1))
def test_the_surrogate_is_convex_and_of_rank_two(seed, positive, p):
    w, x, u, v = np.random.default_rng(seed).standard_normal((4, 5))
    H = np.array(
        [
            spauc.gradient(w + e, x, positive, p, u, v) - spauc.gradient(w, x, positive, p, u, v)
            for e in np.eye(5)
        ]
    )
    eigenvalues = np.linalg.eigvalsh((H + H.T) / 2)
    assert relative(H.T, H) <= 1e-10
    assert eigenvalues.min() >= -1e-12
    assert (abs(eigenvalues) > 1e-10 * max(1, abs(eigenvalues).max())).sum() <= 2


@given(seed=st.integers(0, 999), positive=st.booleans(), p=st.floats(0, 1), power=st.floats(-6, 6))
def test_the_implicit_step_is_exact(seed, positive, p, power):
    """w' = w − η ∇F̃(w') (S5), and w' solves the dense system (I + ηH) w' = w − η ∇F̃(0)."""
    eta = 10**power
    w, x, u, v = np.random.default_rng(seed).standard_normal((4, 6))
    found = spauc.proximal_point(w, x, positive, p, u, v, eta)
    zero = spauc.gradient(0 * w, x, positive, p, u, v)
    H = np.array([spauc.gradient(e, x, positive, p, u, v) - zero for e in np.eye(6)])
    expected = np.linalg.solve(np.eye(6) + eta * H, w - eta * zero)
    assert relative(found, expected) <= 1e-8
    gap = found - w + eta * spauc.gradient(found, x, positive, p, u, v)
    assert np.linalg.norm(gap) <= 1e-9 * (1 + eta) * (1 + np.linalg.norm(w))


def test_the_implicit_step_where_both_directions_are_one():
    """Rounding makes the determinant of the 2 × 2 system no smaller than it is."""
    w, x, u, v = np.array([[2.0], [3.0], [1.0], [0.0]])
    for eta in (1.0, 1e6, 1e12):
        found = spauc.proximal_point(w, x, True, 0.5, u, v, eta)
        assert found == pytest.approx((w + 0.5 * eta) / (1 + 4.5 * eta), rel=1e-3)  # a = 2, b = −1


def test_the_closed_form_is_the_minimiser():
    """∇f(w*) + 2λw* = 0 (S8), with the gradient summed over pairs."""
    x, y = examples()
    for lam in (1e-6, 0.01, 1.0):
        w = spauc.closed_form(spauc.moments(x, y), lam)
        assert np.linalg.norm(pairwise(w, x, y)[1] + 2 * lam * w) <= 1e-12


def test_moments_of_sparse_examples_and_other_labels():
    x, y = examples()
    m, s = spauc.moments(x, y), spauc.moments(sparse.csc_matrix(x), y == 1, classes=(False, True))
    assert all(relative(one, other) <= 1e-15 for one, other in zip(m, s, strict=True))
    with raises(ValueError, "both classes", "label 1"):
        spauc.moments(x[y != 1], y[y != 1])


# The algorithm


def literal(x, y, prox, eta):
    """Algorithm 1 word for word, with matrices of rank one in the place of products."""
    w, n, s = np.zeros(x.shape[1]), {1: 0, -1: 0}, {1: np.zeros(x.shape[1]), -1: np.zeros(x.shape[1])}
    for t, (row, label) in enumerate(zip(x, y, strict=True), 1):
        n[label] += 1
        s[label] = s[label] + row
        u, v = (s[k] / n[k] if n[k] else 0 * w for k in (1, -1))
        p = n[1] / (n[1] + n[-1])
        if label == 1:
            g = 2 * (1 - p) * np.outer(row - u, row - u) @ w
        else:
            g = 2 * p * np.outer(row - v, row - v) @ w
        g = g + 2 * p * (1 - p) * (v - u) + 2 * p * (1 - p) * np.outer(v - u, v - u) @ w
        w = prox(w - eta(t) * g, eta(t))
        yield w


PROXES = [
    (L2(0.1), lambda v, eta: v / (1 + 0.2 * eta)),
    (mp.prox.L1(0.05), lambda v, eta: np.sign(v) * np.clip(abs(v) - 0.05 * eta, 0, None)),
    (
        mp.prox.ElasticNet(0.05, 0.1),
        lambda v, eta: np.sign(v) * np.clip(abs(v) - 0.05 * eta, 0, None) / (1 + 0.2 * eta),
    ),
    (mp.prox.Box(-0.1, 0.1), lambda v, eta: np.clip(v, -0.1, 0.1)),
    (None, lambda v, eta: v),
]
RULES = [
    (spauc.Inverse(0.5), lambda t: 2 / (0.5 * t + 1)),
    (spauc.Power(0.3, 0.75), lambda t: 0.3 * t**-0.75),
    (spauc.Growth(0.5, 0.25, 8), lambda t: 2 / (0.5 * t + 0.5 + 4)),
    (0.05, lambda t: 0.05),
]


@pytest.mark.parametrize(("penalty", "prox"), PROXES, ids=lambda part: repr(part)[:20])
@pytest.mark.parametrize(("step", "eta"), RULES, ids=lambda part: repr(part)[:20])
def test_spauc_is_algorithm_1(penalty, prox, step, eta):
    """(S4) with the step rules (S6), every w_t, and their average (S7)."""
    x, y = examples(60, 4, seed=3)
    x = x / 3
    learner = spauc.SPAUC(4, penalty, step, average=True)
    expected = list(literal(x, y, prox, eta))
    weight = (lambda t: t + 9) if isinstance(step, spauc.Growth) else (lambda t: 1)
    for t, w in enumerate(expected, 1):
        learner.learn(x[t - 1], y[t - 1])
        assert relative(learner.w, w) <= 1e-12
        weights = [weight(k) for k in range(1, t + 1)]
        assert relative(learner.coef, np.average(expected[:t], axis=0, weights=weights)) <= 1e-12
    assert learner.t == len(x)
    assert relative(spauc.SPAUC(4, penalty, step).learn(x, y).coef, expected[-1]) <= 1e-12


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("label", [1, -1])
def test_nothing_moves_until_both_classes_were_seen(label, implicit):
    x, y = examples()
    learner = spauc.SPAUC(5, step=1.0, implicit=implicit).learn(x[y == label], y[y == label])
    assert not learner.w.any()
    assert learner.t == (y == label).sum()
    with raises(ValueError, "SPAUC", "both classes", f"label {-label}", str(learner.t)):
        learner.decision_function(x)
    assert learner.learn(x[y != label][:1], [-label]).w.any()


def test_the_implicit_step_is_stable_where_the_explicit_one_diverges():
    """Steps of 1e4: the explicit learner is lost, the implicit one ranks as well as the minimiser does."""
    x, y = examples(2000, 5)
    best = spauc.auc(x @ spauc.closed_form(spauc.moments(x, y), 1e-4), y)
    lost = spauc.SPAUC(5, L2(1e-4), step=1e4).learn(x, y)
    stable = spauc.SPAUC(5, L2(1e-4), step=1e4, average=True, implicit=True).learn(x, y)
    assert lost.diverged
    assert not stable.diverged
    assert spauc.auc(stable.decision_function(x), y) > best - 0.05


def test_pairwise_sgd_sees_each_example_with_the_last_of_the_other_class():
    """Over all pairs its step has the mean of the full gradient (S10)."""
    x, y = examples(12, 3)
    w0 = np.array([0.3, -0.2, 0.5])
    steps = []
    for plus, minus in itertools.product(x[y == 1], x[y != 1]):
        learner = spauc.PairwiseSGD(3, step=0.1).learn(minus, -1)
        learner.w = w0
        learner.learn(plus, 1)
        steps.append((w0 - learner.w) / 0.1 / 0.25)  # p = ½
    p = np.mean(y == 1)
    assert relative(np.mean(steps, axis=0), pairwise(w0, x, y)[1] / (p * (1 - p))) <= 1e-12


def saddle(w, a, b, alpha, x, positive, p):
    """The integrand of SOLAM (S11)."""
    s = w @ x
    return (
        (1 - p) * (s - a) ** 2 * positive
        + p * (s - b) ** 2 * (not positive)
        + 2 * (1 + alpha) * s * (p * (not positive) - (1 - p) * positive)
        - p * (1 - p) * alpha**2
    )


@pytest.mark.parametrize("label", [1, -1])
def test_solam_descends_and_ascends(label, rng):
    """One step along the gradient of the saddle function (S11), by central differences."""
    learner = spauc.SOLAM(3, step=1e-3, radius=100, average=False)
    learner.learn(rng.standard_normal((4, 3)), [1, -1, -1, 1])
    for name, value in (("a", 0.3), ("b", -0.4), ("alpha", 0.7)):
        learner.memory[name] = np.float64(value)
    learner.w = rng.standard_normal(3)
    before = np.r_[learner.w, [learner.memory[k] for k in ("a", "b", "alpha")]]
    x, p = rng.standard_normal(3), (2 + (label == 1)) / 5
    learner.learn(x, label)
    after = np.r_[learner.w, [learner.memory[k] for k in ("a", "b", "alpha")]]

    def value(point):
        return saddle(point[:3], *point[3:], x, label == 1, p)

    slopes = np.array([(value(before + e) - value(before - e)) / 2 for e in np.eye(6)])
    assert relative(after - before, -1e-3 * slopes * [1, 1, 1, 1, 1, -1]) <= 1e-10


def test_solam_stays_within_its_bounds():
    x, y = examples(300, 4)
    learner = spauc.SOLAM(4, step=5.0, radius=0.5)
    for row, label in zip(x, y, strict=True):
        learner.learn(row, label)
        a, b, alpha = (abs(learner.memory[k]) for k in ("a", "b", "alpha"))
        assert np.linalg.norm(learner.w) <= 0.5 + 1e-12
        assert max(a, b, alpha / 2) <= 0.5


# What comes out, on digits


def digits(positive, seed=0):
    """Standardised digits, scaled to norms of about 1, one task of two classes, cut 80 to 20."""
    data = mp.datasets.digits(dtype="float64")
    parts = data.train, data.validation, data.test
    x, y = np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])
    order = np.random.default_rng(seed).permutation(len(y))
    x, y = x[order], np.where(np.isin(y[order], positive), 1, -1)
    n = len(y) * 4 // 5
    spread = x[:n].std(axis=0)
    x = (x - x[:n].mean(axis=0)) / np.where(spread > 0, spread, 1) / x.shape[1] ** 0.5
    return x[:n], y[:n], x[n:], y[n:]


def passes(learner, x, y, count, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        order = rng.permutation(len(y))
        learner.learn(x[order], y[order])
    return learner


@pytest.mark.slow
@pytest.mark.parametrize("positive", [[0, 1, 2, 3, 4], [8]], ids=["halves", "eight"])
@pytest.mark.parametrize("seed", range(3))
def test_the_auc_is_that_of_the_closed_form(positive, seed):
    """|AUC − AUC(w*)| < 0.005 on the test part, for SPAUC, its implicit form, and SPAM (S9)."""
    x, y, x_test, y_test = digits(positive, seed)
    m, lam = spauc.moments(x, y), 1e-3
    best = spauc.auc(x_test @ spauc.closed_form(m, lam), y_test)
    learners = [spauc.SPAUC(64, L2(lam), spauc.Inverse(1e-2), implicit=i) for i in (False, True)]
    learners += [spauc.SPAM(64, L2(lam), spauc.Inverse(1e-2), m=m)]
    for learner in learners:
        scores = passes(learner, x, y, 5, seed).decision_function(x_test)
        assert abs(spauc.auc(scores, y_test) - best) < 0.005


def test_the_variance_of_the_gradient_is_far_below_spams():
    """At the minimum, on pixels as they are: SPAM takes the example where SPAUC takes it off its mean."""
    data = mp.datasets.digits(dtype="float64").train
    x, y = data.x / 8, np.where(data.y == 8, 1, -1)
    m = spauc.moments(x, y)
    w = spauc.closed_form(m, 1e-3)

    def spread(g):
        found = np.array([g(w, row, label == 1, *m[:3]) for row, label in zip(x, y, strict=True)])
        return ((found - found.mean(axis=0)) ** 2).sum(axis=1).mean()

    assert 4 * spread(spauc.gradient) < spread(spam_gradient)


@pytest.mark.slow
def test_the_fast_rate():
    """With (S6) for strong convexity the gap to the minimum falls as 1/t: slope −1.5 to −0.8."""
    rng = np.random.default_rng(0)
    features, lam, times = 10, 0.05, [2**k for k in range(8, 16)]
    shift = rng.standard_normal(features) / 2
    # shares ½, means ± shift/2, unit spread: p, u, v and S are known exactly
    m = spauc.Moments(0.5, shift / 2, -shift / 2, 2 * np.eye(features) + np.outer(shift, shift))
    best = spauc.closed_form(m, lam)

    def phi(w):
        return spauc.objective(w, m) + lam * w @ w

    gaps = []
    for seed in range(8):
        rng = np.random.default_rng([1, seed])
        y = np.where(rng.uniform(size=times[-1]) < 0.5, 1, -1)
        x = rng.standard_normal((times[-1], features)) + np.outer(y, shift / 2)
        learner = spauc.SPAUC(features, L2(lam), spauc.Growth(2 * lam, t1=200), average=True)
        gaps.append([])
        for start, stop in itertools.pairwise([0, *times]):
            learner.learn(x[start:stop], y[start:stop])
            gaps[-1].append(phi(learner.coef) - phi(best))
    mean = np.mean(gaps, axis=0)
    assert (mean > 0).all()
    slope = np.polyfit(np.log(times), np.log(mean), 1)[0]
    assert -1.5 <= slope <= -0.8


# Streams


def makers():
    penalty, step = mp.prox.ElasticNet(1e-3, 1e-2), spauc.Power(0.05)

    def m():
        x, y = examples(seed=5)
        return spauc.moments(backend.asarray(x), y)

    yield lambda: spauc.SPAUC(5, penalty, step, average=True)
    yield lambda: spauc.SPAUC(5, penalty, step, implicit=True)
    yield lambda: spauc.SPAM(5, penalty, step, m=m())
    yield lambda: spauc.PairwiseSGD(5, penalty, step)
    yield lambda: spauc.SOLAM(5, step, radius=3.0)


learners = pytest.mark.parametrize(
    "make", list(makers()), ids=["spauc", "implicit", "spam", "pairs", "solam"]
)


def bits(learner):
    return {name: value.tobytes() for name, value in learner.arrays().items()}


def chunks(x, y, size):
    return ((x[i : i + size], y[i : i + size]) for i in range(0, len(y), size))


@learners
def test_examples_may_come_in_any_form(make):
    """One by one, in pieces, sparse, as lists, from an iterator: the same bits."""
    x, y = examples(50)
    x[x < 0.5] = 0
    whole = bits(make().learn(x, y))
    for one in (
        make().follow(zip(x, y, strict=True)),
        make().follow(chunks(x.tolist(), y.tolist(), 7)),
        make().follow(chunks(sparse.csr_matrix(x), y, 11)),
        make().learn(sparse.coo_array(x), y),
        make().follow((sparse.coo_array(row), label) for row, label in zip(x, y, strict=True)),
    ):
        assert bits(one) == whole
    assert relative(make().learn(x.astype("float32"), y).w, make().learn(x, y).w) <= 1e-4


def test_entries_that_a_sparse_matrix_has_twice_are_added():
    x = sparse.coo_array(([1.0, 2.0, 5.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 3))
    twice = sparse.csr_matrix(([1.0, 2.0, 5.0], [1, 1, 0], [0, 2, 3]), shape=(2, 3))
    expected = bits(spauc.SPAUC(3).learn(x.toarray(), [1, -1]))
    assert bits(spauc.SPAUC(3).learn(x, [1, -1])) == bits(spauc.SPAUC(3).learn(twice, [1, -1])) == expected
    assert twice.nnz == 3  # an argument is never written to


@learners
@pytest.mark.parametrize("size", [1, 7, 50])
def test_a_stream_is_resumed_bit_by_bit(make, size, tmp_path):
    x, y = examples(50)
    whole = bits(make().learn(x, y))

    class Killed(BaseException):
        pass

    def broken():
        yield from itertools.islice(chunks(x, y, size), -(-21 // size))
        raise Killed

    first = make()
    with pytest.raises(Killed):
        first.follow(broken(), checkpoint=tmp_path / "s.npz", every=10)
    resumed = make().follow(chunks(x, y, size), checkpoint=tmp_path / "s.npz", resume=True)
    assert bits(resumed) == whole
    other = make().follow(chunks(x, y, 9), checkpoint=tmp_path / "s.npz", resume=True)  # nothing is left
    assert bits(other) == whole


def test_interrupted_between_two_checkpoints(tmp_path):
    """The state of the last checkpoint is whole, also where it falls into a piece of the stream."""
    x, y = examples(50)
    learner = spauc.SPAUC(5)
    learner.learn(x[:13], y[:13]).save(tmp_path / "s.npz")
    resumed = spauc.SPAUC(5).follow(chunks(x, y, 10), checkpoint=tmp_path / "s.npz", resume=True)
    assert bits(resumed) == bits(spauc.SPAUC(5).learn(x, y))


def test_a_callback_sees_the_learner_and_may_leave():
    x, y = examples(50)
    seen = []
    learner = spauc.SPAUC(5).follow(
        chunks(x, y, 5), every=10, callback=lambda one: seen.append(one.t) or one.t >= 30
    )
    assert seen == [10, 20, 30]
    assert learner.t == 30


def test_no_more_than_a_few_vectors_are_kept():
    """O(d) space: what is stored does not grow with the stream."""
    x, y = examples(500)
    learner = spauc.SPAUC(5, average=True)
    small = sum(value.nbytes for value in learner.learn(x[:10], y[:10]).arrays().values())
    assert sum(value.nbytes for value in learner.learn(x, y).arrays().values()) == small <= 5 * 5 * 8 + 64


BAD = [
    (lambda x, y: (np.where(np.arange(5) == 3, np.nan, x), y), ["example 21", "finite features", "nan"]),
    (lambda x, y: (np.where(np.arange(5) == 3, np.inf, x), y), ["example 21", "finite features", "inf"]),
    (lambda x, y: (x[:, :4], y), ["example", "expected 5 features", "found 4"]),
    (lambda x, y: (x, [*y[:3], 7, *y[4:]]), ["example 24", "-1 or 1", "found 7"]),
    (lambda x, y: (x, y[:3]), ["expected 10 labels", "(3,)"]),
    (lambda x, y: (x.astype(str), y), ["expected numbers"]),
    (lambda x, y: (x[None], y), ["shape (n, features)", "(1, 10, 5)"]),
]


@pytest.mark.parametrize(("spoil", "parts"), BAD)
def test_a_wrong_example_in_mid_stream_leaves_the_state_before_it(spoil, parts, tmp_path):
    x, y = examples(50)

    def stream():
        for i, (rows, labels) in enumerate(chunks(x, y, 10)):
            yield spoil(rows, labels) if i == 2 else (rows, labels)

    learner = spauc.SPAUC(5)
    with raises(ValueError, *parts):
        learner.follow(stream(), checkpoint=tmp_path / "s.npz")
    assert bits(learner) == bits(spauc.SPAUC(5).learn(x[:20], y[:20]))
    resumed = spauc.SPAUC(5).follow(chunks(x, y, 10), checkpoint=tmp_path / "s.npz", resume=True)
    assert bits(resumed) == bits(spauc.SPAUC(5).learn(x, y))


def test_a_wrong_entry_of_a_sparse_matrix_is_found():
    x, y = examples(20)
    x[4, 2] = np.nan
    x[9, 1] = np.inf
    with raises(ValueError, "example 5", "found nan"):
        spauc.SPAUC(5).learn(sparse.csr_array(np.where(x < 0, 0, x)), y)


def test_a_state_of_another_learner_is_refused(tmp_path):
    x, y = examples(20)
    path = tmp_path / "s.npz"
    spauc.SPAUC(5, mp.prox.L1(0.1)).learn(x, y).save(path)
    learner = spauc.SPAUC(5, mp.prox.L1(0.2)).learn(x[:3], y[:3])
    before = bits(learner)
    with raises(ValueError, "other settings", "penalty was L1(lam=0.1) and is now L1(lam=0.2)"):
        learner.load(path)
    with raises(ValueError, "learner was SPAUC and is now PairwiseSGD"):
        spauc.PairwiseSGD(5, mp.prox.L1(0.1)).load(path)
    with raises(ValueError, "features was 5 and is now 6"):
        spauc.SPAUC(6, mp.prox.L1(0.1)).load(path)
    path.write_bytes(path.read_bytes()[:100])
    with raises(ValueError, "not a minprox file"):
        learner.load(path)
    with raises(ValueError, "expected the arrays", "['w']"):
        learner.take_up({"w": learner.w})
    assert bits(learner) == before


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: spauc.SPAUC(0), ["features", "0"]),
        (lambda: spauc.SPAUC(3, step=0), ["step", "positive", "0"]),
        (lambda: spauc.SPAUC(3, classes=(1, 1)), ["classes", "two labels", "(1, 1)"]),
        (lambda: spauc.SPAUC(3, classes=(0, 1, 2)), ["classes", "two labels", "(0, 1, 2)"]),
        (lambda: spauc.SOLAM(3, radius=-1), ["radius", "-1"]),
        (lambda: spauc.Inverse(-1), ["mu of Inverse", "-1"]),
        (lambda: spauc.Power(0), ["eta of Power", "0"]),
        (lambda: spauc.Power(1, -1), ["theta of Power", "-1"]),
        (lambda: spauc.Growth(0), ["sigma_phi of Growth", "0"]),
        (lambda: spauc.Growth(1, t1=float("nan")), ["t1 of Growth", "nan"]),
        (lambda: spauc.closed_form(spauc.moments(*examples()), -1), ["lam", "-1"]),
        (lambda: spauc.SPAUC(5).follow([], resume=True), ["resume=True", "checkpoint"]),
        (lambda: spauc.SPAUC(5).follow([], every=0), ["every", "0"]),
        (lambda: spauc.SPAUC(5).learn(*examples()).decision_function(np.ones((2, 4))), ["5 features", "4"]),
    ],
)
def test_a_wrong_argument_is_named(make, parts):
    with raises(ValueError, *parts):
        make()


def test_labels_may_be_words():
    x, y = examples()
    words = np.where(y == 1, "spam", "ham")
    learner = spauc.SPAUC(5, classes=("ham", "spam")).learn(x, words)
    assert (learner.w == spauc.SPAUC(5).learn(x, y).w).all()
    with raises(ValueError, "example 41", "'ham' or 'spam'", "'eggs'"):
        learner.learn(x[0], "eggs")


@learners
def test_on_the_other_backend(make, other):
    x, y = examples(30)

    def learnt():
        xp = mp.array_module(make().w)
        learner = make().learn(xp.asarray(x), xp.asarray(y)).learn(sparse.csr_array(x), y)
        scores = learner.decision_function(xp.asarray(x))
        return [learner.w, learner.coef, scores], spauc.auc(scores, xp.asarray(y)), learner.arrays()

    with mp.use(other):
        found, score, arrays = learnt()
    expected, best, reference = learnt()
    assert {type(array).__module__.partition(".")[0] for array in found} == {other}
    assert all(relative(mp.to_numpy(one), array) <= 1e-12 for one, array in zip(found, expected, strict=True))
    assert score == pytest.approx(best, abs=1e-3)
    resumed = make()
    resumed.take_up(arrays)
    assert relative(resumed.learn(x, y).w, make().learn(x, y).learn(x, y).learn(x, y).w) <= 1e-10
    assert arrays.keys() == reference.keys()
