"""The formulas of interlocking back-propagation."""

from minprox.formulas.formula import Formula, Paper

ALL = (
    Formula(
        "I1",
        "The N-wise rule",
        "h_i = f_i(h_{i-1}),   L_i = L(a_i(h_i), y) for i < K,   L_K = L(h_K, y)\n"
        "θ_i learns from ∇_{θ_i} L_{min(i+N-1, K)} alone, the head a_i from L_i alone",
        r"h_i = f_i(h_{i-1}), \quad L_i = L(a_i(h_i), y), \quad L_K = L(h_K, y); \qquad"
        r" \theta_i \text{ learns from } \nabla_{\theta_i} L_{\min(i+N-1,\,K)}",
        "Each module learns from one loss, a few modules further on: N = 1 is local learning, N = K is "
        "back-propagation, in which the heads have no influence.",
        ("minprox.methods.n_wise", "minprox.methods.pipeline.handed"),
    ),
    Formula(
        "I2",
        "The longest backward chain",
        "min(N, K) modules",
        r"\min(N, K)",
        "So many modules have to wait for each other on the way back, instead of all K.",
        ("minprox.methods.chain_length",),
    ),
    Formula(
        "I3",
        "The time of a step on K devices",
        "local: t_f + t_d;   end-to-end: K t_f + (K − 1) t_e + t_d",
        r"N = 1:\; t_f + t_d; \qquad N = K:\; K\, t_f + (K-1)\, t_e + t_d",
        "With a device for each module, no stale weights, and t_f, t_e, t_d for a forward pass, an error "
        "that is handed down and a direction: what a further horizon costs, by simulation in between.",
        ("minprox.methods.schedule", "minprox.methods.step_time"),
    ),
)

INTERLOCKING = Paper(
    "Interlocking back-propagation",
    "Gomez, Key, Perlin, Gou, Frosst, Dean and Gal, Interlocking Backpropagation: Improving depthwise "
    "model-parallelism, JMLR 23, 2022",
    ALL,
)
