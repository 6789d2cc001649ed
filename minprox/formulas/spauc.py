"""The formulas of stochastic proximal AUC maximisation, and of what it is compared with."""

from minprox.formulas.formula import Formula, Paper

ALL = (
    Formula(
        "S1",
        "The objective, a mean over pairs",
        "f(w) = p(1−p) E[(1 − wᵀ(x − x'))² | y = 1, y' = −1] = p(1−p) (1 − 2wᵀ(u−v) + wᵀSw)",
        r"f(w) = p(1-p)\, \mathrm{E}\bigl[(1 - w^T(x - x'))^2 \bigm| y = 1, y' = -1\bigr]"
        r" = p(1-p)\, \bigl(1 - 2w^T(u - v) + w^T S w\bigr)",
        "Every example of the positive class should score one more than every example of the negative class. "
        "p is the share of the positive class, u and v are the means of the two classes, and S is the second "
        "moment of a difference.",
        ("minprox.methods.spauc.objective",),
    ),
    Formula(
        "S2",
        "Proposition 1: the same as a mean over examples",
        "F̃(w; z) = p(1−p) + (1−p)(wᵀ(x−u))² I₊ + p(wᵀ(x−v))² I₋\n"
        "          + 2p(1−p) wᵀ(v−u) + p(1−p)(wᵀ(v−u))²,     f(w) = E[F̃(w; z)]",
        r"\tilde F(w; z) = p(1-p) + (1-p)\bigl(w^T(x-u)\bigr)^2 I_+ + p\bigl(w^T(x-v)\bigr)^2 I_-"
        r" + 2p(1-p)\, w^T(v-u) + p(1-p)\bigl(w^T(v-u)\bigr)^2, \qquad f(w) = \mathrm{E}[\tilde F(w; z)]",
        "The mean square of a difference of independent examples falls into deviations from the class means. "
        "For every example z = (x, y) this is convex in w, with a Hessian of rank two.",
        ("minprox.methods.spauc.surrogate",),
    ),
    Formula(
        "S3",
        "The gradient of one example",
        "∇F̃(w; z) = 2(1−p)(x−u)(x−u)ᵀw I₊ + 2p(x−v)(x−v)ᵀw I₋ + 2p(1−p)(v−u)(1 + (v−u)ᵀw)",
        r"\nabla\tilde F(w; z) = 2(1-p)(x-u)(x-u)^T w\, I_+ + 2p(x-v)(x-v)^T w\, I_-"
        r" + 2p(1-p)(v-u)\bigl(1 + (v-u)^T w\bigr)",
        "Its mean over the examples is the gradient over all pairs. With p, u, v of the examples so far, "
        "it is zero until both classes were seen.",
        ("minprox.methods.spauc.gradient",),
    ),
    Formula(
        "S4",
        "SPAUC, Algorithm 1",
        "n±, s± ← counts and sums,   u = s₊/n₊,  v = s₋/n₋,  p = n₊/(n₊ + n₋)\nw ← prox_{ηΩ}(w − η ∇F̃(w; z))",
        r"u = s_+/n_+,\quad v = s_-/n_-,\quad p = \frac{n_+}{n_+ + n_-}, \qquad"
        r" w \leftarrow \mathrm{prox}_{\eta\Omega}\bigl(w - \eta\,\nabla\tilde F(w; z)\bigr)",
        "A proximal gradient step for each example, with any penalty Ω, in memory and time proportional to "
        "the number of features.",
        ("minprox.methods.spauc.SPAUC",),
    ),
    Formula(
        "S5",
        "The exact implicit step of one example",
        "w' = prox_{ηF̃}(w),   that is   w' = w − η ∇F̃(w'; z)",
        r"w' = \mathrm{prox}_{\eta\tilde F}(w), \qquad\text{that is}\qquad"
        r" w' = w - \eta\,\nabla\tilde F(w'; z)",
        "F̃ is a quadratic that knows two directions, so its proximal map is a system of two equations. It is "
        "stable for every η; Algorithm 1 with it in the place of the explicit step is implicit throughout.",
        ("minprox.methods.spauc.proximal_point",),
    ),
    Formula(
        "S6",
        "Step sizes",
        "η_t = 2/(μt + 1),     η_t = η₁ t^{−θ},     η_t = 2/(σ_φ t + 2σ_f + σ_φ t₁)",
        r"\eta_t = \frac{2}{\mu t + 1}, \qquad \eta_t = \eta_1 t^{-\theta}, \qquad"
        r" \eta_t = \frac{2}{\sigma_\phi t + 2\sigma_f + \sigma_\phi t_1}",
        "The rule of the paper's experiments, that of its slow rate (θ > ½), and that of its fast rate 1/t, "
        "where φ = f + Ω grows quadratically around its minimum.",
        ("minprox.methods.spauc.Inverse", "minprox.methods.spauc.Power", "minprox.methods.spauc.Growth"),
    ),
    Formula(
        "S7",
        "The average of the iterates",
        "w̄_T = Σ_t (t + t₁ + 1) w_t / Σ_t (t + t₁ + 1)",
        r"\bar w_T = \frac{\sum_t (t + t_1 + 1)\, w_t}{\sum_t (t + t_1 + 1)}",
        "Later iterates weigh more; with the other rules all weigh the same. Kept as a running mean.",
        ("minprox.methods.spauc.Growth", "minprox.methods.spauc.Learner"),
    ),
    Formula(
        "S8",
        "The closed form",
        "w* = (p(1−p)S + λI)⁻¹ p(1−p)(u − v)",
        r"w^* = \bigl(p(1-p)S + \lambda I\bigr)^{-1} p(1-p)(u - v)",
        "The minimiser of f(w) + λ‖w‖², for those who can hold S: what all the others are compared with.",
        ("minprox.methods.spauc.closed_form",),
    ),
    Formula(
        "S9",
        "SPAM",
        "g = 2(1−p) (wᵀx − a − 1 − α) x I₊ + 2p (wᵀx − b + 1 + α) x I₋,   a = wᵀu, b = wᵀv, α = b − a",
        r"g = 2(1-p)\,(w^Tx - a - 1 - \alpha)\, x\, I_+ + 2p\,(w^Tx - b + 1 + \alpha)\, x\, I_-, \qquad"
        r" a = w^Tu,\; b = w^Tv,\; \alpha = b - a",
        "The same mean as (S3), with the example itself in the place of its deviation from the mean: its "
        "variance is larger, and p, u and v have to be known beforehand.",
        ("minprox.methods.spauc.SPAM", "minprox.methods.spauc.spam_gradient"),
    ),
    Formula(
        "S10",
        "SGD on pairs",
        "g = −2p(1−p) (1 − wᵀ(x − x')) (x − x')",
        r"g = -2p(1-p)\,\bigl(1 - w^T(x - x')\bigr)(x - x')",
        "Every example meets the last one of the other class.",
        ("minprox.methods.spauc.PairwiseSGD",),
    ),
    Formula(
        "S11",
        "SOLAM",
        "min_{w,a,b} max_α E[(1−p)(wᵀx − a)² I₊ + p(wᵀx − b)² I₋ + 2(1+α) wᵀx (p I₋ − (1−p) I₊)] − p(1−p)α²",
        r"\min_{w,a,b} \max_\alpha\; \mathrm{E}\bigl[(1-p)(w^Tx - a)^2 I_+ + p(w^Tx - b)^2 I_-"
        r" + 2(1+\alpha)\, w^Tx\, (p I_- - (1-p) I_+)\bigr] - p(1-p)\alpha^2",
        "f as a saddle point: descent in (w, a, b), ascent in α, within bounds, averaged.",
        ("minprox.methods.spauc.SOLAM",),
    ),
    Formula(
        "S12",
        "The area under the ROC curve",
        "AUC = Pr(s > s' | y = 1, y' = −1) + ½ Pr(s = s' | y = 1, y' = −1)",
        r"\mathrm{AUC} = \Pr(s > s' \mid y = 1, y' = -1) + \tfrac12 \Pr(s = s' \mid y = 1, y' = -1)",
        "The share of pairs that a score ranks right. Sorting counts them without looking at each.",
        ("minprox.methods.spauc.auc",),
    ),
)

SPAUC = Paper("Stochastic Proximal AUC Maximization", "Lei and Ying, JMLR 22, 2021, arXiv:1906.06053", ALL)
