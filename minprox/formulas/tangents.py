"""The formulas of the tangent pass, and of the sharpness that it measures."""

from minprox.formulas.formula import Formula, Paper

ALL = (
    Formula(
        "T1",
        "The tangent pass, forward",
        "ȧ_0 = s,   ż_l = A_l v_l + Ȧ_l θ_l,   ȧ_l = σ'(z_l) ż_l",
        r"\dot a_0 = s, \qquad \dot z_l = A_l v_l + \dot A_l \theta_l, \qquad \dot a_l = "
        r"\sigma'(z_l)\,\dot z_l",
        "Parameters move along v and the batch along s; a dot is a derivative along that motion. φ is "
        "linear in θ and in a, so its dot has two terms; Ȧ = A(ȧ) has zeros for the ones of the bias.",
        ("minprox.engine.tangent.Linearised.forward", "minprox.Layer.tangent"),
    ),
    Formula(
        "T2",
        "The tangent pass at the output",
        "δ = ∂J/∂z_{L-1},   δ̇ = ∂²L ż_{L-1}",
        r"\delta = \partial J/\partial z_{L-1}, \qquad \dot\delta = \partial^2 L\; \dot z_{L-1}",
        "How the error changes is the curvature of the loss times how the output changes: p (ż − ⟨p, ż⟩)/N "
        "for the cross-entropy, ż/N for the squared error.",
        (
            "minprox.engine.tangent.Linearised.along",
            "minprox.CrossEntropy.tangent",
        ),
    ),
    Formula(
        "T3",
        "The tangent pass, backward",
        "Ġ_l = A_lᵀ δ̇_l + Ȧ_lᵀ δ_l\n"
        "e_l = (∂φ/∂a)ᵀ δ_l,   ė_l = (∂φ/∂a)ᵀ δ̇_l + (∂φ(v_l, ·)/∂a)ᵀ δ_l\n"
        "δ_{l-1} = σ' e_l,     δ̇_{l-1} = σ' ė_l + σ'' ż_{l-1} e_l",
        r"\begin{aligned} \dot G_l &= A_l^T \dot\delta_l + \dot A_l^T \delta_l \\"
        r" e_l &= (\partial\varphi/\partial a)^T \delta_l, & \dot e_l &= (\partial\varphi/\partial a)^T"
        r" \dot\delta_l + (\partial\varphi(v_l, \cdot)/\partial a)^T \delta_l \\"
        r" \delta_{l-1} &= \sigma' e_l, & \dot\delta_{l-1} &= \sigma' \dot e_l +"
        r" \sigma''\, \dot z_{l-1}\, e_l \end{aligned}",
        "The reverse sweep, differentiated by the product rule. Ġ is the derivative of the gradient: H v, "
        "the product with the Hessian, where only the parameters move.",
        ("minprox.tangent", "minprox.engine.tangent.Linearised.reverse", "minprox.Layer.bend"),
    ),
    Formula(
        "T4",
        "Gauss–Newton",
        "G v = Jᵀ ∂²L J v:   (T3) without the terms in which δ stands undotted",
        r"G v = J^T\, \partial^2 L\, J\, v: \quad"
        r" \dot G_l = A_l^T \dot\delta_l,\; \dot e_l = (\partial\varphi/\partial a)^T \dot\delta_l,\;"
        r" \dot\delta_{l-1} = \sigma' \dot e_l",
        "Where the errors are taken for zero, the net counts as linear and only the loss is curved. G is "
        "positive semidefinite for a convex loss.",
        ("minprox.gauss_newton_product", "minprox.engine.tangent.Linearised"),
    ),
    Formula(
        "T5",
        "Sharpness",
        "Λ = λ_max(H),   gradient descent is stable near a point for τ < 2/Λ",
        r"\Lambda = \lambda_{\max}(H), \qquad \text{gradient descent is stable near a point for } \tau < "
        r"2/\Lambda",
        "The limit of explicit steps (E2), measured at a point by Lanczos' method on products with the "
        "Hessian.",
        ("minprox.paper.theory.sharpness", "minprox.paper.sharpness.leading"),
    ),
    Formula(
        "T6",
        "Preconditioned sharpness",
        "a step by M⁻¹∇J is stable near a point for τ < 2/λ_max(M^{-1/2} H M^{-1/2})\n"
        "ProxProp: M_l = A_lᵀA_l + I/τ_θ, the identity for the explicit last layer",
        r"\tau < 2/\lambda_{\max}(M^{-1/2} H M^{-1/2}), \qquad M_l = A_l^T A_l + I/\tau_\theta \text{ for "
        r"ProxProp}",
        "What an implicit step makes of the curvature. The explicit last layer keeps its own, and for that "
        "reason sets the limit.",
        (
            "minprox.paper.theory.sharpness",
            "minprox.paper.theory.root",
            "minprox.paper.preconditioner.factors",
        ),
    ),
)

TANGENTS = Paper(
    "The tangent pass, and sharpness",
    "Pearlmutter, Neural Computation 6, 1994; Schraudolph, Neural Computation 14, 2002; "
    "Cohen, Kaur, Li, Kolter and Talwalkar, ICLR 2021",
    ALL,
)
