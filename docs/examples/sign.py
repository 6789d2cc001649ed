"""Descent by the sign of the gradient: a method, and an experiment that compares it."""

import minprox as mp
from minprox.experiments import EXPERIMENTS, Experiment, Run


def sign(net, tape, loss, y):
    return [mp.array_module(g).sign(g) for g in mp.backprop(net, tape, loss, y)]


mp.methods.add("sign", sign, label="Sign", tau=0.001)

shared = {"data": "digits", "architecture": "64-50-10", "optimizer": "sgd", "epochs": 5}
EXPERIMENTS["sign"] = Experiment(
    name="sign",
    title="Descent by the gradient, and by its sign",
    methods={name: Run(method=name, **shared) for name in ("backprop", "sign")},
    seeds=(0, 1, 2),
    panels=(("epoch", "train_loss"), ("seconds", "train_loss"), ("epoch", "validation_accuracy")),
)
