"""What leaves the room: coefficients, metrics, and a picture without a single patient."""

import io

import numpy as np


class Model:
    """A fitted model and how it did on rows that it had not seen."""

    def __init__(self, features, weights, truth, risk, rows):
        self.features = features
        self.intercept = float(weights[0])
        self.weights = weights[1:]
        self.rows = rows
        self.tested = len(truth)
        self.accuracy = float(((risk > 0.5) == (truth > 0.5)).mean())
        self.false_alarms, self.found = _roc(truth, risk)
        # The area under the curve, by trapezoids.
        steps = np.diff(self.false_alarms)
        self.auc = float((steps * (self.found[1:] + self.found[:-1]) / 2).sum())

    def summary(self):
        coefficients = {name: round(float(w), 4) for name, w in zip(self.features, self.weights)}
        return {
            "rows": self.rows,
            "tested": self.tested,
            "accuracy": round(self.accuracy, 4),
            "auc": round(self.auc, 4),
            "intercept": round(self.intercept, 4),
            "coefficients": coefficients,
        }

    def plot(self):
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 5))
        order = np.argsort(np.abs(self.weights))[-12:]
        colours = ["#b5403a" if self.weights[i] > 0 else "#2f6f9f" for i in order]
        left.barh([self.features[i] for i in order], self.weights[order], color=colours)
        left.axvline(0, color="black", linewidth=0.8)
        left.set_title("Strongest coefficients (standardized)")
        right.plot(self.false_alarms, self.found, color="#b5403a")
        right.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=0.8)
        right.set_xlabel("false positive rate")
        right.set_ylabel("true positive rate")
        right.set_title(f"{self.tested} unseen patients: AUC {self.auc:.3f}")
        figure.tight_layout()
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=110)
        return out.getvalue()


def _roc(truth, risk):
    order = np.argsort(-risk)
    positive = truth[order] > 0.5
    found = np.concatenate([[0], np.cumsum(positive) / positive.sum()])
    false_alarms = np.concatenate([[0], np.cumsum(~positive) / (~positive).sum()])
    return false_alarms, found
