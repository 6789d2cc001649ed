"""Every experiment by its name: a table that further ones are added to."""

from __future__ import annotations

from minprox.experiments.auc import AUC
from minprox.experiments.beyond_chains import PROXPROP_RESNET, PROXPROP_TRANSFORMER
from minprox.experiments.experiment import Experiment
from minprox.experiments.gan import GAN
from minprox.experiments.interlocking import INTERLOCKING, RESNET, TRANSFORMER
from minprox.experiments.oracle import X3_STEPS
from minprox.experiments.paper import X1, X2, X3
from minprox.experiments.robust_experiment import DOUBLE_BACKPROP
from minprox.experiments.sharpness_experiment import SHARPNESS
from minprox.experiments.vsml_experiment import VSML, VSML_CLONE, VSML_PROXPROP, VSML_TRAINING

#: Every experiment by its name, as the command line has it; one of your own is one more entry.
EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        *(X1, X2, X3, X3_STEPS),
        *(SHARPNESS, DOUBLE_BACKPROP),
        *(INTERLOCKING, RESNET, TRANSFORMER),
        *(PROXPROP_TRANSFORMER, PROXPROP_RESNET),
        *AUC,
        *(VSML, VSML_CLONE, VSML_TRAINING, VSML_PROXPROP),
        *GAN,
    )
}
