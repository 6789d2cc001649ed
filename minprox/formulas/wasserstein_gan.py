"""The formulas of the Wasserstein proximal of GANs, and of what samples are measured by."""

from minprox.formulas.formula import Formula, Paper

ALL = (
    Formula(
        "W1",
        "The proximal step in the space of distributions",
        "θ^{k+1} = argmin_θ F(ρ_θ) + d_W(θ, θ^k)²/(2h)",
        r"\theta^{k+1} = \arg\min_\theta\; F(\rho_\theta) + \frac{1}{2h}\, d_W(\theta, \theta^k)^2",
        "ρ_θ is the distribution of the generator's samples, and d_W measures how far they have to be moved "
        "by motions that the generator is capable of. How θ is written down makes no difference.",
        ("minprox.methods.wasserstein_gan.exact_proximal",),
    ),
    Formula(
        "W2",
        "The relaxed Wasserstein proximal",
        "θ^{k+1} = argmin_θ F(ρ_θ) + 1/(2h) mean_i ‖g_θ(z_i) − g_{θ^k}(z_i)‖²",
        r"\theta^{k+1} = \arg\min_\theta\; F(\rho_\theta)"
        r" + \frac{1}{2h}\,\frac1B \sum_i \|g_\theta(z_i) - g_{\theta^k}(z_i)\|^2",
        "Each sample is held near where it was: an upper bound of the distance, and an addition "
        "(g − g_k)/(hB) to the error at the generator's output, whatever stands behind it.",
        ("minprox.methods.wasserstein_gan.relaxed", "minprox.methods.wasserstein_gan.relaxed_error"),
    ),
    Formula(
        "W3",
        "The algorithm: ℓ steps on the generator",
        "critic as usual;   z_1 … z_B once;   ℓ times: a step on mean loss_G(g_θ(z_i)) + (W2)",
        r"\ell \text{ times: a step on }\; \frac1B \sum_i \mathrm{loss}_G\bigl(g_\theta(z_i)\bigr)"
        r" + \frac{1}{2h}\,\frac1B \sum_i \|g_\theta(z_i) - g_{\theta^k}(z_i)\|^2",
        "The inner steps share their latent points. With ℓ = 1 nothing is changed, as the term begins with "
        "gradient zero.",
        ("minprox.methods.wasserstein_gan.generator_direction", "minprox.methods.wasserstein_gan.train"),
    ),
    Formula(
        "W4",
        "Semi-backward steps with affine test functions",
        "1/h sup_Φ {E[Φ(g_θ) − Φ(g_k)] − ½E‖∇Φ(g_k)‖²},   Φ affine:   ‖E[g_θ − g_k]‖²/(2h)",
        r"\frac1h \sup_\Phi \bigl\{\mathrm{E}[\Phi(g_\theta) - \Phi(g_k)]"
        r" - \tfrac12 \mathrm{E}\|\nabla\Phi(g_k)\|^2\bigr\}, \qquad"
        r" \Phi \text{ affine: } \frac{1}{2h}\,\|\mathrm{E}[g_\theta - g_k]\|^2",
        "The fewer test functions Φ, the looser the hold: affine ones hold the mean of the samples alone, "
        "which is never more than (W2).",
        ("minprox.methods.wasserstein_gan.affine", "minprox.methods.wasserstein_gan.affine_error"),
    ),
    Formula(
        "W5",
        "Non-saturating losses",
        "L_D = mean log(1 + e^{−D(x)}) + mean log(1 + e^{D(g(z))}),   L_G = mean log(1 + e^{−D(g(z))})",
        r"L_D = \frac1B \sum \log\bigl(1 + e^{-D(x_i)}\bigr)"
        r" + \frac1B \sum \log\bigl(1 + e^{D(g(z_i))}\bigr), \qquad"
        r" L_G = \frac1B \sum \log\bigl(1 + e^{-D(g(z_i))}\bigr)",
        "D is a logistic regression, real against made; the generator raises the odds of real.",
        ("minprox.methods.wasserstein_gan.NonSaturating",),
    ),
    Formula(
        "W6",
        "WGAN-GP",
        "L_D = mean D(g(z)) − mean D(x) + λ mean (‖∇_x D(x̂)‖ − 1)²,   x̂ = t x + (1 − t) g(z)\n"
        "L_G = −mean D(g(z))",
        r"L_D = \frac1B \sum D(g(z_i)) - \frac1B \sum D(x_i)"
        r" + \lambda\,\frac1B \sum \bigl(\|\nabla_x D(\hat x_i)\| - 1\bigr)^2, \quad"
        r" \hat x = t x + (1 - t)\, g(z), \qquad L_G = -\frac1B \sum D(g(z_i))",
        "The gradient of the penalty is a tangent pass over the reverse pass: each x̂ moves along "
        "2(‖g‖ − 1) g/‖g‖ with g = ∇_x D(x̂).",
        (
            "minprox.methods.wasserstein_gan.WassersteinGP",
            "minprox.methods.wasserstein_gan.norm_penalty",
            "minprox.methods.wasserstein_gan.norm_penalty_gradient",
        ),
    ),
    Formula(
        "W7",
        "DRAGAN",
        "L_D of (W5) + λ mean (‖∇_x D(x̂)‖ − 1)²,   x̂ = x + c std(x) u,   u normal",
        r"L_D \text{ of (W5)} + \lambda\,\frac1B \sum \bigl(\|\nabla_x D(\hat x_i)\| - 1\bigr)^2, \qquad"
        r" \hat x = x + c\,\mathrm{std}(x)\, u, \quad u \sim N(0, I)",
        "The penalty stands around the data alone.",
        ("minprox.methods.wasserstein_gan.DRAGAN",),
    ),
    Formula(
        "W8",
        "The exact step of a generator linear in θ",
        "θ^{k+1} = θ^k − h Ĝ⁻¹ ∇F = θ^k − hB (AᵀA)⁻¹ Aᵀδ,   Ĝ = AᵀA/B",
        r"\theta^{k+1} = \theta^k - h\,\hat G^{-1} \nabla F = \theta^k - hB\,(A^TA)^{-1} A^T\delta, \qquad"
        r" \hat G = \tfrac1B A^TA",
        "With F linearised, the proximal step is the implicit step of one layer (E6), at τ_θ = ∞ and hB "
        "times as long.",
        ("minprox.methods.wasserstein_gan.exact_proximal",),
    ),
    Formula(
        "W9",
        "Wasserstein distance on a line, and over lines",
        "W2² = 1/n Σ (x_(i) − y_(i))²,   sliced: mean over directions u of W2²(⟨u, x⟩, ⟨u, y⟩)",
        r"W_2^2 = \frac1n \sum_i \bigl(x_{(i)} - y_{(i)}\bigr)^2, \qquad"
        r" \mathrm{SW}_2^2 = \mathrm{E}_u\, W_2^2\bigl(\langle u, x\rangle, \langle u, y\rangle\bigr)",
        "On a line the best pairing is the sorted one.",
        ("minprox.methods.wasserstein_gan.w2_on_a_line", "minprox.methods.wasserstein_gan.sliced_w2"),
    ),
    Formula(
        "W10",
        "The Fréchet distance of features",
        "‖μ − ν‖² + tr(S + T − 2(ST)^{1/2})",
        r"\|\mu - \nu\|^2 + \mathrm{tr}\bigl(S + T - 2\,(ST)^{1/2}\bigr)",
        "W2² between two normal distributions with the means and covariances of the features, which a "
        "classifier gives that was trained on the data.",
        ("minprox.methods.wasserstein_gan.frechet", "minprox.methods.wasserstein_gan.digit_distance"),
    ),
)

WASSERSTEIN_GAN = Paper(
    "Wasserstein Proximal of GANs", "Lin, Li, Osher and Montúfar, GSI 2021, arXiv:2102.06862", ALL
)
