"""matplotlib draws figures; each is a result."""

import io
import matplotlib.pyplot as plt, numpy as np
from sealroom import Enclave

rng = np.random.default_rng(3)
x = np.linspace(0, 10, 200)
kinds = {
    "line": lambda axes: axes.plot(x, np.sin(x), label=r"$\sin x$"),
    "bars": lambda axes: axes.bar(["a", "b", "ü"], [1, 2, 3]),
    "histogram": lambda axes: axes.hist(rng.standard_normal(1000), bins=30),
    "scatter": lambda axes: axes.scatter(rng.random(100), rng.random(100), c=rng.random(100)),
    "image": lambda axes: axes.imshow(rng.random((20, 30)), cmap="viridis"),
    "contour": lambda axes: axes.contourf(np.outer(np.sin(x), np.cos(x))),
}
with Enclave() as enclave:
    for name, draw in kinds.items():
        figure, axes = plt.subplots(figsize=(6.4, 4.8), dpi=100)
        draw(axes)
        axes.set_title(f"A {name}")
        file = io.BytesIO()
        figure.savefig(file, format="png")
        plt.close(figure)
        file.seek(0)
        enclave.write(file, name=f"{name}.png")
    plt.plot(x, x)
    for other in ("plot.pdf", "plot.svg", "plot.jpg"):
        plt.savefig(other)
