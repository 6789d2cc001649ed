"""The formulas of *Proximal Backpropagation*."""

from minprox.formulas.formula import Formula, Paper

ALL = (
    Formula(
        "E1",
        "The network and its loss",
        "J(θ; x, y) = L_y( φ(θ_{L-1}, σ(φ(… σ(φ(θ_1, x)) …))) )",
        r"J(\theta; x, y) = L_y\bigl(\varphi(\theta_{L-1}, \sigma(\varphi(\dots"
        r" \sigma(\varphi(\theta_1, x)) \dots)))\bigr)",
        "Linear transfers φ and activations σ take turns, and the loss looks at the output of the last "
        "transfer. φ is linear in θ: for fixed activations it is a matrix, φ(θ, a) = A(a) θ.",
        ("minprox.forward",),
    ),
    Formula(
        "E2",
        "The explicit step",
        "θ^{k+1} = θ^k − τ ∇J(θ^k)",
        r"\theta^{k+1} = \theta^k - \tau\, \nabla J(\theta^k)",
        "Gradient descent evaluates the gradient where it stands. It descends only for steps below 2/Λ, "
        "where Λ is the Lipschitz constant of the gradient.",
        ("minprox.learning.updates.descend", "minprox.paper.theory.largest_stable_step"),
    ),
    Formula(
        "E3",
        "The penalty energy",
        "E(θ, a, z) = L_y(φ(θ_{L-1}, a_{L-2}))\n"
        "             + Σ_{l=1}^{L-2} [ γ/2 ‖σ(z_l) − a_l‖² + ρ/2 ‖φ(θ_l, a_{l-1}) − z_l‖² ]",
        r"E(\theta, a, z) = L_y(\varphi(\theta_{L-1}, a_{L-2})) + \sum_{l=1}^{L-2}"
        r" \tfrac{\gamma}{2} \|\sigma(z_l) - a_l\|^2"
        r" + \tfrac{\rho}{2} \|\varphi(\theta_l, a_{l-1}) - z_l\|^2",
        "Every activation becomes a variable of its own, and a broken coupling costs its square. The energy "
        "is block by block a much simpler function than the loss.",
        ("minprox.energy",),
    ),
    Formula(
        "A1",
        "Algorithm 1: one explicit sweep over the energy",
        "a_{L-2}^{k+½} = a_{L-2}^k − τ ∇_a L_y,   θ_{L-1}^{k+1} = θ_{L-1}^k − τ ∇_θ L_y        (a)\n"
        "z_l^{k+½}     = z_l^k − τγ σ'(z_l^k) (σ(z_l^k) − a_l^{k+½})                          (b)\n"
        "a_{l-1}^{k+½} = a_{l-1}^k − τρ (∂φ/∂a)ᵀ (φ(θ_l^k, a_{l-1}^k) − z_l^{k+½})            (b)\n"
        "θ_l^{k+1}     = θ_l^k − τρ (∂φ/∂θ)ᵀ (φ(θ_l^k, a_{l-1}^k) − z_l^{k+½})                (c)",
        r"\begin{aligned}"
        r"\text{(a)}\quad a_{L-2}^{k+1/2} &= a_{L-2}^k - \tau \nabla_a L_y, \qquad"
        r" \theta_{L-1}^{k+1} = \theta_{L-1}^k - \tau \nabla_\theta L_y \\"
        r"\text{(b)}\quad z_l^{k+1/2} &= z_l^k - \tau\gamma\, \sigma'(z_l^k)"
        r" \bigl(\sigma(z_l^k) - a_l^{k+1/2}\bigr) \\"
        r" a_{l-1}^{k+1/2} &= a_{l-1}^k - \tau\rho\, (\partial\varphi/\partial a)^T"
        r" \bigl(\varphi(\theta_l^k, a_{l-1}^k) - z_l^{k+1/2}\bigr) \\"
        r"\text{(c)}\quad \theta_l^{k+1} &= \theta_l^k - \tau\rho\, (\partial\varphi/\partial\theta)^T"
        r" \bigl(\varphi(\theta_l^k, a_{l-1}^k) - z_l^{k+1/2}\bigr)\end{aligned}",
        "From the forward pass, where nothing is broken, each block takes one gradient step on the energy, "
        "the last block first. Layers are counted l = 1 … L-1 as in the paper; (b) and (c) run over "
        "l = L-2 … 1.",
        ("minprox.algorithm_1", "minprox.paper.penalty_energy.last_block"),
    ),
    Formula(
        "P1",
        "Proposition 1: the explicit sweep is back-propagation",
        "γ = ρ = 1/τ:   θ_l^{k+1} = θ_l^k − τ A_lᵀ δ_l = θ_l^k − τ ∇_{θ_l} J,   δ_l = ∂J/∂z_l",
        r"\gamma = \rho = 1/\tau: \qquad \theta_l^{k+1} = \theta_l^k - \tau A_l^T \delta_l"
        r" = \theta_l^k - \tau \nabla_{\theta_l} J, \qquad \delta_l = \partial J/\partial z_l",
        "With these weights Algorithm 1 is one step of gradient descent on J, exactly and for every τ: the "
        "half-steps carry τ times the errors of back-propagation.",
        ("minprox.backprop", "minprox.algorithm_1", "minprox.Explicit"),
    ),
    Formula(
        "E4",
        "The proximal map",
        "prox_{τf}(v) = argmin_u f(u) + 1/(2τ) ‖u − v‖²",
        r"\mathrm{prox}_{\tau f}(v) = \operatorname*{argmin}_u\; f(u) + \tfrac{1}{2\tau} \|u - v\|^2",
        "Decrease f without going far. Its optimality condition u = v − τ ∇f(u) is the implicit, or "
        "backward, Euler step, which decreases f for every τ. In the paper f is the coupling of a layer; a "
        "penalty has a proximal map of its own.",
        ("minprox.paper.penalty_energy.proximal_step", "minprox.engine.prox.L1"),
    ),
    Formula(
        "E5",
        "The proximal step of one layer",
        "θ_l^{k+1} = argmin_θ ½ ‖φ(θ, a_{l-1}^k) − z_l^{k+½}‖² + 1/(2τ_θ) ‖θ − θ_l^k‖²",
        r"\theta_l^{k+1} = \operatorname*{argmin}_\theta\; \tfrac12 \|\varphi(\theta, a_{l-1}^k) -"
        r" z_l^{k+1/2}\|^2 + \tfrac{1}{2\tau_\theta} \|\theta - \theta_l^k\|^2",
        "Of the parameters near the old ones take those whose output comes closest to the wish z_l^{k+½}. "
        "Since φ is linear in θ, this is a ridge regression.",
        (
            "minprox.paper.penalty_energy.proximal_step",
            "minprox.algorithm_2",
            "minprox.paper.theory.subproblem",
        ),
    ),
    Formula(
        "A2",
        "Algorithm 2: ProxProp",
        "(a) and (b) as in Algorithm 1 with γ = ρ = 1/τ, then for l = L-2 … 1\n"
        "θ_l^{k+1} = argmin_θ ½ ‖φ(θ, a_{l-1}^k) − z_l^{k+½}‖² + 1/(2τ_θ) ‖θ − θ_l^k‖²",
        r"\begin{aligned} z_l^{k+1/2} &= z_l^k - \sigma'(z_l^k) \bigl(\sigma(z_l^k) - a_l^{k+1/2}\bigr) \\"
        r" a_{l-1}^{k+1/2} &= a_{l-1}^k - (\partial\varphi/\partial a)^T"
        r" \bigl(\varphi(\theta_l^k, a_{l-1}^k) - z_l^{k+1/2}\bigr) \\"
        r" \theta_l^{k+1} &= \operatorname*{argmin}_\theta\; \tfrac12 \|\varphi(\theta, a_{l-1}^k) -"
        r" z_l^{k+1/2}\|^2 + \tfrac{1}{2\tau_\theta} \|\theta - \theta_l^k\|^2 \end{aligned}",
        "Algorithm 1 with the gradient step in θ_l replaced by the proximal one. The last transfer keeps its "
        "gradient.",
        ("minprox.algorithm_2", "minprox.paper.penalty_energy.last_block", "minprox.proxprop"),
    ),
    Formula(
        "P2",
        "Proposition 2: the proximal step is a preconditioned gradient step",
        "θ_l^{k+1} = θ_l^k − τ (A_lᵀA_l + I/τ_θ)⁻¹ ∇_{θ_l} J",
        r"\theta_l^{k+1} = \theta_l^k - \tau\, (A_l^T A_l + I/\tau_\theta)^{-1}\, \nabla_{\theta_l} J",
        "So ProxProp is back-propagation in which the gradient of each layer is multiplied by a symmetric "
        "positive definite matrix. The step size τ stays a factor, which any optimiser can supply.",
        ("minprox.proxprop",),
    ),
    Formula(
        "E6",
        "The implicit direction, primal",
        "d_l = (A_lᵀA_l + I/τ_θ)⁻¹ A_lᵀ δ_l",
        r"d_l = (A_l^T A_l + I/\tau_\theta)^{-1} A_l^T \delta_l",
        "The direction that ProxProp returns in the place of the gradient A_lᵀ δ_l: a system with as many "
        "unknowns as the layer has inputs, the same for each of its outputs.",
        ("minprox.engine.solvers.exact.primal", "minprox.proxprop", "minprox.check_step"),
    ),
    Formula(
        "E7",
        "The implicit direction, dual",
        "d_l = A_lᵀ (A_lA_lᵀ + I/τ_θ)⁻¹ δ_l",
        r"d_l = A_l^T (A_l A_l^T + I/\tau_\theta)^{-1} \delta_l",
        "The same direction by the push-through identity: back-propagation of an error that the Gram matrix "
        "of the batch has filtered. The system is as large as the batch, far smaller where layers are wide.",
        ("minprox.engine.solvers.exact.dual",),
    ),
    Formula(
        "P3",
        "Every implicit step descends",
        "⟨∇J, d⟩ > 0,   cos α ≥ 2√κ/(1 + κ),   κ = cond(A_lᵀA_l + I/τ_θ) ≤ 1 + τ_θ ‖A_l‖²",
        r"\langle \nabla J, d \rangle > 0, \qquad \cos\alpha \ge \frac{2\sqrt\kappa}{1 + \kappa}, \qquad"
        r" \kappa = \mathrm{cond}(A_l^T A_l + I/\tau_\theta) \le 1 + \tau_\theta \|A_l\|^2",
        "The angle α between gradient and step stays away from 90° as long as the activations stay bounded. "
        "Small τ_θ give back the gradient; large ones let A d tend to the projection of δ.",
        (
            "minprox.paper.layer_descent.descents",
            "minprox.paper.theory.angle_bound",
            "minprox.paper.theory.condition_bound",
            "minprox.paper.theory.small_step_limit",
            "minprox.paper.theory.large_step_limit",
        ),
    ),
    Formula(
        "P4",
        "Convergence under gradient-related step sizes",
        "J(θ − τ d) ≤ J(θ) − σ τ ⟨∇J, d⟩ at every step   ⟹   ∇J(θ^k) → 0",
        r"J(\theta - \tau d) \le J(\theta) - \sigma\tau \langle \nabla J, d \rangle \text{ at every step}"
        r" \quad\Longrightarrow\quad \nabla J(\theta^k) \to 0",
        "Since the angle is bounded away from 90°, rules such as Armijo's converge with implicit directions "
        "as they do with gradients.",
        ("minprox.armijo",),
    ),
    Formula(
        "P5",
        "The implicit step is stable for every step size",
        "implicit: e^{k+1} = e^k / (1 + τ_θ λ)      explicit: e^{k+1} = (1 − τ λ) e^k",
        r"\text{implicit: } e^{k+1} = \frac{e^k}{1 + \tau_\theta \lambda}, \qquad"
        r" \text{explicit: } e^{k+1} = (1 - \tau\lambda)\, e^k",
        "Along an eigenvector of a quadratic the implicit step shrinks the error for every τ_θ > 0, without "
        "ever changing its sign; the explicit one diverges for τ > 2/λ_max.",
        (
            "minprox.paper.theory.implicit_factor",
            "minprox.paper.theory.explicit_factor",
            "minprox.paper.theory.largest_stable_step",
            "minprox.paper.theory.subproblem",
        ),
    ),
    Formula(
        "X1",
        "Experiment: exact and inexact solves",
        "v ← μ v + d,   θ ← θ − τ (d + μ v),   μ = 0.95, τ = 1, τ_θ = 0.05",
        r"v \leftarrow \mu v + d, \qquad \theta \leftarrow \theta - \tau (d + \mu v), \qquad"
        r" \mu = 0.95,\; \tau = 1,\; \tau_\theta = 0.05",
        "A dense net, 3072-4000-1000-4000-10, on CIFAR-10: Nesterov's momentum on implicit directions, "
        "solved exactly or by 3, 5 or 10 iterations of conjugate gradients, and on gradients with τ = 0.05.",
        ("minprox.experiments.X1",),
    ),
    Formula(
        "X2",
        "Experiment: stability for larger steps",
        "τ_θ ↦ J(θ) after 50 epochs,   τ_θ = 50, 10, 5, 1, 0.5, 0.1, 0.05, 0.005, 0.0005",
        r"\tau_\theta \mapsto J(\theta) \text{ after 50 epochs}, \qquad"
        r" \tau_\theta = 50, 10, 5, 1, 0.5, 0.1, 0.05, 0.005, 0.0005",
        "The net of X1 over five orders of magnitude of the step size; back-propagation takes the value as "
        "its τ. A run that diverges is a result.",
        ("minprox.experiments.X2",),
    ),
    Formula(
        "X3",
        "Experiment: ProxProp as a first-order oracle",
        "m ← β₁ m + (1 − β₁) d,   v ← β₂ v + (1 − β₂) d²,   θ ← θ − τ m̂ / (√v̂ + ε),   τ_θ = 1",
        r"m \leftarrow \beta_1 m + (1 - \beta_1) d, \quad v \leftarrow \beta_2 v + (1 - \beta_2) d^2, \quad"
        r" \theta \leftarrow \theta - \tau\, \hat m / (\sqrt{\hat v} + \varepsilon), \quad \tau_\theta = 1",
        "A convolutional net on CIFAR-10 under Adam, fed with implicit directions or with gradients, by the "
        "same learning rate.",
        ("minprox.experiments.X3",),
    ),
)

PROXPROP = Paper(
    "Proximal Backpropagation",
    "Frerix, Möllenhoff, Moeller and Cremers, ICLR 2018, arXiv:1706.04638",
    ALL,
)
