"""SPAUC as an estimator in scikit-learn's manner, which needs that library only where it is used with it."""

from __future__ import annotations

import importlib
import inspect
from typing import Any, Self

import numpy as np

from minprox.engine.prox import L2Squared
from minprox.ground.arguments import whole
from minprox.methods.spauc.algorithm import SPAUC
from minprox.methods.spauc.ranking import auc
from minprox.methods.spauc.steps import Inverse
from minprox.methods.spauc.validation import kind, labels, matrix, spread

Array = Any


class AUCClassifier:
    """A linear classifier whose scores have a high AUC, by SPAUC in several passes.

    Parameters
    ----------
    penalty : Penalty, optional
        Ω; ``mp.prox.L2Squared(1e-4)`` if not given.
    step : float or StepRule, optional
        η_t; if not given, ``Inverse(1e-2, 2/s²)`` with the mean square s² of the distances to the mean.
    passes : int
        Over the examples, each in another order.
    implicit : bool
        See :class:`SPAUC`: the exact proximal step bears features of any scale.
    average : bool
        See :class:`Learner`.
    random_state : int, RandomState or Generator, optional
        Of the orders.

    Attributes
    ----------
    coef_ : ndarray, shape (1, features)
    intercept_ : ndarray, shape (1,)
        Puts the threshold halfway between the mean scores of the classes.
    classes_ : ndarray, shape (2,)
        The labels of the negative and of the positive class.
    n_features_in_ : int

    References
    ----------
    Lei and Ying, Stochastic Proximal AUC Maximization, JMLR 22, 2021.

    Examples
    --------
    >>> import minprox as mp
    >>> data = mp.datasets.blobs(classes=2)
    >>> model = mp.methods.spauc.AUCClassifier(passes=3).fit(data.train.x, data.train.y)
    >>> model.score(data.test.x, data.test.y) > 0.99
    True
    """

    def __init__(
        self,
        penalty: Any = None,
        step: Any = None,
        passes: int = 15,
        implicit: bool = True,
        average: bool = False,
        random_state: Any = 0,
    ) -> None:
        self.penalty, self.step, self.passes = penalty, step, passes
        self.implicit, self.average, self.random_state = implicit, average, random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from examples.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n, features)
        y : array_like, shape (n,)
            Labels of two classes; the larger one is the positive class.

        Returns
        -------
        AUCClassifier
            The same one.

        Raises
        ------
        ValueError, TypeError
            If examples, labels or settings are not as expected.
        """
        X, passes = matrix(X, type(self).__name__), whole("passes", self.passes)
        y = labels(y, X.shape[0])
        self.classes_, positive = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{'multiclass' if len(self.classes_) > 2 else 'one class'}: expected 2 classes, found "
                f"{len(self.classes_)} class(es)"
            )
        self.n_features_in_ = X.shape[1]
        learner = SPAUC(
            X.shape[1],
            L2Squared(1e-4) if self.penalty is None else self.penalty,
            Inverse(1e-2, 2 / spread(X)) if self.step is None else self.step,
            self.average,
            classes=(0, 1),
            implicit=self.implicit,
        )
        draw = self.random_state
        draw = draw if hasattr(draw, "permutation") else np.random.default_rng(draw)
        for _ in range(passes):
            order = draw.permutation(X.shape[0])
            learner.learn(X[order], positive[order])
        memory, w = learner.memory, learner.coef
        u, v = memory["s_plus"] / memory["n_plus"], memory["s_minus"] / memory["n_minus"]
        self.coef_, self.intercept_ = w[None], np.array([-(u + v) @ w / 2])
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Score examples: above 0 for the positive class.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n, features)

        Returns
        -------
        ndarray, shape (n,)

        Raises
        ------
        ValueError
            If nothing was fitted yet (scikit-learn's NotFittedError where it is installed), or the width
            differs.
        """
        if not hasattr(self, "coef_"):
            raise kind("NotFittedError", ValueError)(
                f"this {type(self).__name__} is not fitted yet: call fit"
            )
        X = matrix(X, type(self).__name__)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        return X @ self.coef_[0] + self.intercept_[0]

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each example, by the sign of its score.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n, features)

        Returns
        -------
        ndarray, shape (n,)
        """
        positive = self.decision_function(X) > 0
        return self.classes_[positive.astype(int)]

    def score(self, X: Any, y: Any) -> float:
        """Return the AUC of the scores; not the accuracy, as other classifiers do.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n, features)
        y : array_like, shape (n,)
        """
        return auc(self.decision_function(X), np.asarray(y))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments of the constructor by name.

        Parameters
        ----------
        deep : bool
            Makes no difference here.

        Returns
        -------
        dict
        """
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Set arguments of the constructor.

        Parameters
        ----------
        **params
            By name.

        Returns
        -------
        AUCClassifier
            The same one.

        Raises
        ------
        ValueError
            If there is no such argument.
        """
        for name, value in params.items():
            if name not in (known := self.get_params()):
                raise ValueError(f"{type(self).__name__}: expected one of {', '.join(known)}, found {name!r}")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn what this estimator is and takes."""
        tags = importlib.import_module("sklearn.utils")
        return tags.Tags(
            estimator_type="classifier",
            target_tags=tags.TargetTags(required=True),
            classifier_tags=tags.ClassifierTags(multi_class=False),
            input_tags=tags.InputTags(sparse=True),
        )

    def __repr__(self) -> str:
        given = inspect.signature(type(self)).parameters.items()
        changed = [f"{k}={getattr(self, k)!r}" for k, p in given if getattr(self, k) is not p.default]
        return f"{type(self).__name__}({', '.join(changed)})"
