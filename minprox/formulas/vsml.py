"""The formulas of variable shared meta learning."""

from minprox.formulas.formula import Formula, Paper

ALL = (
    Formula(
        "V1",
        "The cell in the place of a weight",
        "[i, g, f, o] = split([m→_a ; m←_b ; h_ab] W_l + b_l)\n"
        "c ← σ(f + 5) c + σ(i − 5) tanh(g),     h ← σ(o) tanh(c)",
        r"[i, g, f, o] = \mathrm{split}\bigl("
        r"[\overrightarrow m_a;\, \overleftarrow m_b;\, h_{ab}]\, W_l + b_l\bigr), \qquad"
        r" c \leftarrow \sigma(f + 5)\, c + \sigma(i - 5) \tanh g, \quad h \leftarrow \sigma(o) \tanh c",
        "An LSTM of size 16 with messages of 8 components, from below and from above. All edges of all "
        "layers share its parameters; what an edge has of its own, and what a net learns, is in its state.",
        ("minprox.methods.vsml.LSTMCell",),
    ),
    Formula(
        "V2",
        "The messages",
        "m→_b = mean_a(h_ab W_f + b_f),     m←_a = mean_b(h_ab W_b + b_b)",
        r"\overrightarrow m_b = \mathrm{mean}_a (h_{ab} W_f + b_f), \qquad"
        r" \overleftarrow m_a = \mathrm{mean}_b (h_{ab} W_b + b_b)",
        "Upwards every output hears the mean over its inputs, downwards every input that over its outputs: "
        "so the same parameters fit layers of any size, and order does not matter.",
        ("minprox.methods.vsml.LSTMCell",),
    ),
    Formula(
        "V3",
        "Learning online, forward only",
        "m→_a = (x_a, 0, …),   m←_b = (e_b, 0, …) at the last layer;   two ticks of each layer in turn\n"
        "ŷ = 100 tanh(m→_1 / 100),     e = softmax(ŷ) − onehot(y)",
        r"\overrightarrow m_a = (x_a, 0, \ldots), \quad \overleftarrow m_b = (e_b, 0, \ldots), \qquad"
        r" \hat y_b = 100 \tanh\bigl(\overrightarrow m_{b,1} / 100\bigr), \quad"
        r" e = \mathrm{softmax}(\hat y) - \mathrm{onehot}(y)",
        "The error of an example comes in with the next one. No gradient is taken anywhere.",
        ("minprox.methods.vsml.Learner",),
    ),
    Formula(
        "V4",
        "The cell set by hand",
        "x ← m→_a,   z_b = Σ_a tanh(x) w + b;     m←_a = Σ_b e_b w (1 − tanh² x),   w ← w − η e_b tanh x,   "
        "b ← b − η e_b",
        r"x \leftarrow \overrightarrow m_a,\; z_b = \sum_a \tanh(x)\, w + b; \qquad"
        r" \overleftarrow m_a = \sum_b e_b\, w\, (1 - \tanh^2 x),\;"
        r" w \leftarrow w - \eta\, e_b \tanh x,\; b \leftarrow b - \eta\, e_b",
        "With the state (w, b, x) and these two ticks, the forward run of the net is online gradient descent "
        "on a tanh net: back-propagation as a rule for a single edge.",
        ("minprox.methods.vsml.HandSetCell",),
    ),
    Formula(
        "V5",
        "The meta-loss",
        "L(θ) = 1/(NT) Σ_n Σ_t −log softmax(ŷ_nt)[y_nt]",
        r"L(\theta) = \frac{1}{NT} \sum_{n=1}^N \sum_{t=1}^T -\log \mathrm{softmax}(\hat y_{nt})_{y_{nt}}",
        "The mean cross-entropy over episodes of T examples, each predicted before its label is seen: small "
        "for a cell with which nets learn fast.",
        ("minprox.methods.vsml.Through", "minprox.methods.vsml.Search"),
    ),
    Formula(
        "V6",
        "Back-propagation through time",
        "∇_θ L = Σ_t A_tᵀ δ_t = Aᵀδ,     rows of A stacked over ticks and edges",
        r"\nabla_\theta L = \sum_t A_t^T \delta_t = A^T \delta",
        "An episode is a graph in which the layers of the cell stand at every tick. So its gradient is (P1), "
        "and an implicit step (E6) on the cell solves with the same stacked A.",
        ("minprox.methods.vsml.Episode", "minprox.methods.vsml.Through"),
    ),
    Formula(
        "V7",
        "Evolution strategies",
        "ε_k ~ N(0, σ²I),     g = mean_k ε_k (L(θ + ε_k) − L(θ − ε_k)) / (2σ²)",
        r"\varepsilon_k \sim N(0, \sigma^2 I), \qquad"
        r" g = \mathrm{mean}_k\, \varepsilon_k\,"
        r" \frac{L(\theta + \varepsilon_k) - L(\theta - \varepsilon_k)}{2\sigma^2}",
        "An estimate of the gradient from forward runs alone, in antithetic pairs. Its parts can be computed "
        "anywhere; they are drawn and summed in one order.",
        ("minprox.methods.vsml.Search",),
    ),
    Formula(
        "V8",
        "The clone",
        "f(w, x, e) ≈ (tanh(x) w,  e tanh x,  e w (1 − tanh² x))",
        r"f(w, x, e) \approx \bigl(\tanh(x)\, w,\; e \tanh x,\; e\, w\, (1 - \tanh^2 x)\bigr)",
        "A small net that was regressed on the products of the hand-set cell, and takes their place: a rule "
        "that was learned, and then learns.",
        ("minprox.methods.vsml.CloneCell", "minprox.methods.vsml.clone_net"),
    ),
    Formula(
        "V9",
        "What an error does",
        "Δŷ_b(x') = ŷ_b(x' | e) − ŷ_b(x' | 0)",
        r"\Delta \hat y_b(x') = \hat y_b(x' \mid e) - \hat y_b(x' \mid 0)",
        "Two runs from the same states, one with an error and one without, tell what a cell has made of it: "
        "at the same image, at others of its class, and many examples later.",
        ("minprox.methods.vsml.dissect",),
    ),
    Formula(
        "V10",
        "Windows of long episodes",
        "∇_θ L_w(θ; s_w),     s_{w+1} = states, messages and error after window w, not followed back",
        r"\nabla_\theta L_w(\theta;\, s_w), \qquad"
        r" s_{w+1} = \text{states, messages and error after window } w",
        "Truncated back-propagation through time: an episode goes on where its last window ended, and the "
        "gradient stops there. It costs no more than a short episode, and asks for a rule that goes on "
        "learning.",
        ("minprox.methods.vsml.Windows",),
    ),
    Formula(
        "V11",
        "The clone in the LSTM",
        "c_1 = w/2;   two ticks with x:  m→ ≈ tanh(x) w;   two with e:  m← ≈ e w (1 − tanh² x),   "
        "c_1 ≈ (w − η e tanh x)/2",
        r"c_1 = \tfrac w2; \qquad \text{two ticks with } x:\; \overrightarrow m \approx \tanh(x)\, w; \qquad"
        r" \text{two with } e:\; \overleftarrow m \approx e\, w\, (1 - \tanh^2 x),\;"
        r" c_1 \approx \tfrac12 (w - \eta\, e \tanh x)",
        "The cell (V1) trained to do what the hand-set one does, with the weight in a state that its gates "
        "must keep, and change by the right amount.",
        ("minprox.methods.vsml.LSTMClone", "minprox.methods.vsml.Imitation"),
    ),
)

VSML = Paper(
    "Meta Learning Backpropagation And Improving It",
    "Kirsch and Schmidhuber, NeurIPS 2021, arXiv:2012.14905",
    ALL,
)
