"""The formulas of double back-propagation, of attacks, and of adversarial training."""

from minprox.formulas.formula import Formula, Paper

ALL = (
    Formula(
        "D1",
        "The penalty on the gradient by the input",
        "min_θ 1/n Σ ℓ(x_i, y_i) + λ R,   R = 1/n Σ ‖∇_x ℓ(x_i, y_i)‖₁   (or ‖·‖₂²)",
        r"\min_\theta\; \tfrac1n \sum_i \ell(x_i, y_i) + \lambda R, \qquad"
        r" R = \tfrac1n \sum_i \|\nabla_x \ell(x_i, y_i)\|_1 \quad (\text{or } \|\cdot\|_2^2)",
        "A net whose loss hardly changes when its inputs do. Back-propagation is run to the input, and "
        "what comes out there is penalised.",
        ("minprox.methods.double_backprop", "minprox.methods.gradient_penalty"),
    ),
    Formula(
        "D2",
        "Its gradient, by a tangent pass over the reverse pass",
        "∇_θ ‖∇_x ℓ‖₁ = d/dε ∇_θ ℓ(x + ε s) at ε = 0,   s = sign(∇_x ℓ)   (2 ∇_x ℓ for ‖·‖₂²)",
        r"\nabla_\theta \|\nabla_x \ell\|_1 = \frac{d}{d\varepsilon} \nabla_\theta\,"
        r" \ell(x + \varepsilon s)\Big|_{\varepsilon = 0}, \qquad s = \mathrm{sign}(\nabla_x \ell)",
        "The derivative of the norm by the gradient is a motion s of the batch, and second derivatives may "
        "be taken in either order: so the change of the parameters' gradient along that motion (T3) is the "
        "gradient of the penalty.",
        ("minprox.methods.penalty_gradient",),
    ),
    Formula(
        "D3",
        "Why the 1-norm",
        "max { ⟨∇_x ℓ, u⟩ : ‖u‖_∞ ≤ ε } = ε ‖∇_x ℓ‖₁",
        r"\max_{\|u\|_\infty \le \varepsilon} \langle \nabla_x \ell, u \rangle"
        r" = \varepsilon\, \|\nabla_x \ell\|_1",
        "The 1-norm is dual to the cube: it says how far the loss can be raised, to first order, if no "
        "entry of the input may change by more than ε.",
        ("minprox.methods.fgsm",),
    ),
    Formula(
        "D4",
        "The fast gradient sign method",
        "x + ε sign(∇_x ℓ), cut off at the range of the data",
        r"x + \varepsilon\, \mathrm{sign}(\nabla_x \ell)",
        "The corner of the cube in which that maximum is attained.",
        ("minprox.methods.fgsm",),
    ),
    Formula(
        "D5",
        "Projected gradient",
        "x^{k+1} = Π(x^k + η sign(∇_x ℓ(x^k))),   x^0 random;   Π onto the cube around x and the data's "
        "range",
        r"x^{k+1} = \Pi\bigl(x^k + \eta\, \mathrm{sign}(\nabla_x \ell(x^k))\bigr),"
        r" \qquad x^0 \text{ random in the cube}",
        "Many small steps, from several starts, find what one step misses where the loss is curved. A "
        "defence that holds against one step only has masked its gradient.",
        ("minprox.methods.pgd",),
    ),
    Formula(
        "D6",
        "The penalty of the logits",
        "R = 1/n Σ_i Σ_c ‖∇_x f_c(x_i)‖₁   (Σ |W| for a linear net)",
        r"R = \tfrac1n \sum_i \sum_c \|\nabla_x f_c(x_i)\|_1",
        "The same of every output, whatever the label: a tangent pass for each class.",
        ("minprox.methods.gradient_penalty",),
    ),
    Formula(
        "D7",
        "Adversarial training",
        "min_θ 1/n Σ ½ ℓ(x_i, y_i) + ½ ℓ(x_i + ε sign(∇_x ℓ), y_i)",
        r"\min_\theta\; \tfrac1n \sum_i \tfrac12 \ell(x_i, y_i) + \tfrac12"
        r" \ell\bigl(x_i + \varepsilon\, \mathrm{sign}(\nabla_x \ell), y_i\bigr)",
        "Each batch is attacked before the step, and learned from in both shapes. The penalty may be taken "
        "at the attacked points.",
        ("minprox.methods.AdversarialTraining",),
    ),
)

DOUBLE_BACKPROP = Paper(
    "L1-norm double backpropagation adversarial defense",
    "Seck, Loosli and Canu, ESANN 2019, arXiv:1903.01715; Goodfellow, Shlens and Szegedy, ICLR 2015; "
    "Madry et al., ICLR 2018",
    ALL,
)
