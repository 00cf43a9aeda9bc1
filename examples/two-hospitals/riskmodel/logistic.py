"""Logistic regression with a ridge penalty, fitted by L-BFGS."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from . import report

PENALTY = 1.0
TEST_SHARE = 0.25


def fit(table):
    """Fits P(malignant) on three quarters of the rows and measures it on the rest."""
    features = [name for name in table.columns if name != "malignant"]
    x = table[features].to_numpy(dtype=float)
    y = table["malignant"].to_numpy(dtype=float)
    order = np.random.default_rng(2022).permutation(len(y))
    cut = int(len(y) * TEST_SHARE)
    test, train = order[:cut], order[cut:]
    mean, scale = x[train].mean(axis=0), x[train].std(axis=0)
    x = (x - mean) / scale

    def loss(weights):
        logits = weights[0] + x[train] @ weights[1:]
        error = expit(logits) - y[train]
        value = np.logaddexp(0, logits).sum() - y[train] @ logits
        gradient = np.concatenate([[error.sum()], x[train].T @ error + PENALTY * weights[1:]])
        return value + PENALTY / 2 * weights[1:] @ weights[1:], gradient

    found = minimize(loss, np.zeros(len(features) + 1), jac=True, method="L-BFGS-B")
    if not found.success:
        raise RuntimeError("the fit did not converge")
    weights = found.x
    risk = expit(weights[0] + x[test] @ weights[1:])
    return report.Model(features, weights, y[test], risk, rows=len(y))
