"""scipy finds the parameters that a table was made with.

Input: data/decay.csv, which is y = 2.5 exp(-1.3 x) + 0.5 but for some noise below 0.004.
Result: fit.json.
"""

import json
import numpy as np, scipy.integrate, scipy.interpolate, scipy.optimize, scipy.stats
from sealroom import Enclave


def decay(x, height, rate, rest):
    return height * np.exp(-rate * x) + rest


with Enclave() as enclave:
    x, y = np.loadtxt(next(enclave.read()), delimiter=",", skiprows=1, unpack=True)
    assert len(x) == 60, len(x)
    found, covariance = scipy.optimize.curve_fit(decay, x, y, p0=(1, 1, 0))
    truth = (2.5, 1.3, 0.5)
    assert np.allclose(found, truth, atol=0.02), found
    assert (np.abs(found - truth) < 5 * np.sqrt(np.diag(covariance))).all(), covariance
    other = scipy.optimize.least_squares(lambda p: decay(x, *p) - y, (1, 1, 0), loss="soft_l1")
    assert other.success and np.allclose(other.x, found, atol=1e-3), other
    left = y - decay(x, *found)
    assert abs(left.mean()) < 1e-4 and scipy.stats.kstest(left / 0.004, "uniform", (-1, 2))[0] < 0.3
    line = scipy.stats.linregress(x[:20], np.log(y[:20] - found[2]))
    assert abs(line.slope + found[1]) < 0.05 and line.rvalue < -0.999, line
    # The area below: by the formula, numerically, and of a spline through the points.
    area = found[0] / found[1] * (1 - np.exp(-found[1] * 5.9)) + found[2] * 5.9
    numeric, _ = scipy.integrate.quad(decay, 0, 5.9, args=tuple(found))
    spline = scipy.interpolate.InterpolatedUnivariateSpline(x, y).integral(0, 5.9)
    assert abs(numeric - area) < 1e-8 and abs(spline - area) < 0.01, (area, numeric, spline)
    numbers = {"height": found[0], "rate": found[1], "rest": found[2]}
    text = json.dumps({name: round(float(value), 3) for name, value in numbers.items()})
    enclave.write(text.encode(), name="fit.json")
