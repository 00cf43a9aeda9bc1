"""One figure of matplotlib and one of seaborn. No inputs. Results: curves.png, groups.png."""

import io
import matplotlib.pyplot as plt, numpy as np, pandas as pd
import seaborn as sns
from sealroom import Enclave


def save(enclave, figure, name):
    out = io.BytesIO()
    figure.savefig(out, format="png")
    plt.close(figure)
    out.seek(0)
    enclave.write(out, name=name)


random = np.random.RandomState(5)
with Enclave() as enclave:
    x = np.linspace(0, 4 * np.pi, 300)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), dpi=100)
    left.plot(x, np.sin(x), label=r"$\sin x$")
    left.plot(x, np.exp(-x / 6) * np.cos(x), "--", label=r"$e^{-x/6}\,\cos x$")
    left.fill_between(x, -np.exp(-x / 6), np.exp(-x / 6), alpha=0.15)
    left.legend(loc="lower left")
    left.set_title("Schwingungen, gedämpft und nicht")
    image = right.imshow(np.outer(np.sin(x), np.cos(x)), cmap="viridis", aspect="auto")
    figure.colorbar(image, ax=right)
    right.set_xlabel("place")
    right.set_ylabel("time")
    figure.tight_layout()
    save(enclave, figure, "curves.png")

    count = 240
    table = pd.DataFrame(
        {
            "ward": random.choice(["cardiology", "oncology", "surgery"], count),
            "group": random.choice(["treated", "control"], count),
        }
    )
    shift = table["group"].map({"treated": -1.5, "control": 0}) + 6
    table["days"] = shift + random.gamma(2, 1, count)
    sns.set(style="whitegrid")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), dpi=100)
    order = ["cardiology", "oncology", "surgery"]
    sns.boxplot(x="ward", y="days", hue="group", data=table, order=order, ax=left)
    left.set_title("Days in hospital")
    pivot = table.pivot_table(index="ward", columns="group", values="days", aggfunc="mean")
    sns.heatmap(pivot, annot=True, fmt=".1f", cmap="rocket_r", ax=right)
    right.set_title("Mean")
    figure.tight_layout()
    save(enclave, figure, "groups.png")
