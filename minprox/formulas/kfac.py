"""The formulas of K-FAC, and what they have in common with the implicit step."""

from minprox.formulas.formula import Formula, Paper

ALL = (
    Formula(
        "K1",
        "The Fisher matrix of a layer as a Kronecker product",
        "F_l ≈ Ω_l ⊗ Γ_l,   Ω = AᵀA/(N P),   Γ = 1/N Σ (N δ)(N δ)ᵀ\n"
        "d_l = (Ω_l + π√λ I)⁻¹ ∇_{θ_l}J (Γ_l + √λ/π I)⁻¹",
        r"F_l \approx \Omega_l \otimes \Gamma_l, \quad \Omega = \frac{A^TA}{N P}, \quad"
        r" \Gamma = \frac1N \sum (N\delta)(N\delta)^T; \qquad"
        r" d_l = (\Omega_l + \pi\sqrt\lambda\, I)^{-1}\, \nabla_{\theta_l} J\,"
        r" (\Gamma_l + \tfrac{\sqrt\lambda}{\pi} I)^{-1}",
        "What a layer sees and the errors that it gets count as independent. Then two small inverses take "
        "the place of a large one: of the inputs, as in (E6), and of the errors, which (E6) leaves out. Both "
        "moments are running averages over batches.",
        (
            "minprox.methods.KFAC",
            "minprox.methods.input_factor",
            "minprox.methods.output_factor",
            "minprox.methods.kfac_step",
        ),
    ),
    Formula(
        "K2",
        "The damping, split between the factors",
        "(Ω + π√λ I) ⊗ (Γ + √λ/π I) ≈ Ω ⊗ Γ + λ I,   π² = (tr Ω/cols)/(tr Γ/n_out)",
        r"(\Omega + \pi\sqrt\lambda\, I) \otimes (\Gamma + \tfrac{\sqrt\lambda}{\pi} I) \approx"
        r" \Omega \otimes \Gamma + \lambda I, \qquad"
        r" \pi^2 = \frac{\mathrm{tr}\,\Omega/\mathrm{cols}}{\mathrm{tr}\,\Gamma/n_{out}}",
        "λ I is no Kronecker product; this one comes near. The choice of π keeps the two mixed terms, which "
        "should not be there, small, and makes the step the same whichever factor carries a scale.",
        ("minprox.methods.split_damping",),
    ),
    Formula(
        "K3",
        "ProxProp is K-FAC without the output factor",
        "AᵀA + I/τ_θ = N P (Ω + I/(N P τ_θ))",
        r"A^TA + I/\tau_\theta = N P\,\bigl(\Omega + \tfrac{1}{N P\,\tau_\theta} I\bigr)",
        "With Γ = I and the damping 1/(N P τ_θ) on the inputs alone, the step of (K1) is N P times that of "
        "(E6), for N samples with P output positions. So is FOOF's.",
        ("minprox.methods.KFAC", "minprox.methods.input_factor"),
    ),
)

KFAC = Paper(
    "K-FAC",
    "Martens and Grosse, ICML 2015; Grosse and Martens, ICML 2016; Benzing, ICML 2022; "
    "Eschenhagen et al., NeurIPS 2023",
    ALL,
)
