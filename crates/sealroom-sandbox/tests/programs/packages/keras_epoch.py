"""keras learns for one epoch, and its weights are a result that can be loaded again.

Inputs: the breast cancer table of scripts/setup-demo-data: hospital-a.csv of the first provider,
hospital-b.csv of the second.
Result: model.weights.h5.
"""

import numpy as np, pandas as pd
from sealroom import Enclave

np.random.seed(7)
import keras

MODERN = int(keras.__version__.split(".")[0]) >= 3
if MODERN:
    keras.utils.set_random_seed(7)
from keras.layers import Dense, Dropout
from keras.models import Sequential, load_model


def network(columns):
    """Returns a small network, in the way of each version to say how wide the table is."""
    if MODERN:
        layers = [keras.Input((columns,)), Dense(16, activation="relu")]
    else:
        layers = [Dense(16, activation="relu", input_shape=(columns,))]
    return Sequential([*layers, Dropout(0.1), Dense(1, activation="sigmoid")])


with Enclave() as enclave:
    table = pd.concat([pd.read_csv(data) for data in enclave.read()], ignore_index=True)
    assert len(table) == 569, len(table)
    truth = table.pop("malignant").values.astype("float32")
    x = table.values.astype("float32")
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    model = network(x.shape[1])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    before, _ = model.evaluate(x, truth, verbose=0)
    history = model.fit(x, truth, batch_size=16, epochs=1, verbose=0).history
    after, accuracy = model.evaluate(x, truth, verbose=0)
    assert np.isfinite([before, after, *history["loss"]]).all(), (before, after, history)
    assert after < before and accuracy > 0.75, (before, after, accuracy)
    said = model.predict(x, verbose=0)

    model.save_weights("model.weights.h5")
    again = network(x.shape[1])
    again.load_weights("model.weights.h5")
    assert np.allclose(again.predict(x, verbose=0), said, atol=1e-6)
    whole = "model.keras" if MODERN else "model.h5"
    model.save(whole)
    again = load_model(whole)
    assert np.allclose(again.predict(x, verbose=0), said, atol=1e-6)
    with open("model.weights.h5", "rb") as weights:
        enclave.write(weights, name="model.weights.h5")
