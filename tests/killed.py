"""Trainings that test_kill.py kills and starts again."""

import csv
import os

import numpy as np

import fastbp
from fastbp import callbacks, layers, optimizers

EPOCHS = 40
X, Y = np.random.default_rng(0).standard_normal((40, 6)), np.random.default_rng(1).standard_normal((40, 2))
CASES = {  # what makes an optimiser, and the layers before the last
    "sgd": (lambda: optimizers.SGD(0.05, momentum=0.9), []),
    "adam, dropout": (lambda: optimizers.Adam(0.01), [lambda: layers.Dropout(0.5)]),
    "rmsprop, schedule": (lambda: optimizers.RMSprop(optimizers.schedules.CosineDecay(0.01, 200)), []),
    "nadam, ema": (lambda: optimizers.Nadam(0.01, use_ema=True, ema_overwrite_frequency=7), []),
    "lion, accumulation, batch normalization": (
        lambda: optimizers.Lion(0.001, gradient_accumulation_steps=3),
        [layers.BatchNormalization, lambda: layers.GaussianNoise(0.1)],
    ),
}


def network(case):
    make, hidden = CASES[case]
    stack = [fastbp.Input((6,)), fastbp.Dense(200, "tanh"), *(one() for one in hidden), fastbp.Dense(2)]
    model = fastbp.Sequential(stack, seed=1)
    model.compile(make(), "mse", metrics=["mae"])
    return model


def with_backup(folder, case):
    """The same program each time: BackupAndRestore knows where to go on."""
    model = network(case)
    kept = callbacks.BackupAndRestore(os.path.join(folder, "backup"), delete_checkpoint=False)
    fit(model, folder, 0, [kept])
    return model


def with_checkpoint(folder, case):
    """Goes on with the whole model that was saved last."""
    path = os.path.join(folder, "model.safetensors")
    model = fastbp.load_model(path) if os.path.exists(path) else network(case)
    fit(model, folder, model.epochs_trained, [callbacks.ModelCheckpoint(path)])
    return model


def fit(model, folder, initial_epoch, more):
    log = callbacks.CSVLogger(os.path.join(folder, "log.csv"), append=True)
    settings = {"batch_size": 8, "epochs": EPOCHS, "initial_epoch": initial_epoch, "validation_split": 0.2}
    model.fit(X, Y, verbose=0, callbacks=[log, *more], **settings)


def history(folder):
    """The logs by epoch; of one that was trained again, the last."""
    with open(os.path.join(folder, "log.csv"), newline="") as file:
        return {row["epoch"]: row for row in csv.DictReader(file) if row["epoch"] != "epoch"}


WAYS = {"backup": with_backup, "checkpoint": with_checkpoint}


def run(folder, case, way, begun=None):
    """The whole program: it may be killed at any time, and started again."""
    if begun is not None:
        begun.set()
    WAYS[way](folder, case).save_weights(os.path.join(folder, "done.safetensors"))
