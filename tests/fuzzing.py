"""Damages files at random and loads them: ``python tests/fuzzing.py --cases 1000000 --seed 0 --jobs 2``.

A case is a file of one of the formats with a few random changes: of its bytes, or of what it says, in a file that is
whole. It holds if loading gives a model that predicts, or an error that the documents name; if it takes no more than a
second, and twice the file and 64 MB of memory; and if the process lives. Case i of a seed is always the same:
``--first i --cases 1`` repeats it.
"""

import argparse
import io
import json
import multiprocessing
import os
import resource
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from mutations import mutated

import fastbp
from fastbp import layers, saving

DOCUMENTED = (ValueError, OSError, ImportError)
SECONDS = 1.0  # of a processor
SILENCE = 60.0  # seconds without a new case, after which a process hangs
MEMORY = 64 << 20
MOST_COLUMNS = 2**20  # with more predicting alone would take the memory that loading may
BYTES = (b"\0", b"\xff", b"\x7f", b"\x80", b'"', b"[", b"{", b"}", b"1e999", b"NaN", b"-1", b"99999999999999999999")


# ---- files to begin with ----


def network(optimizer, *hidden, dtype="float32", width=3):
    model = fastbp.Sequential([fastbp.Input((width,)), *hidden, fastbp.Dense(2)], dtype=dtype, seed=1)
    if optimizer is not None:
        model.compile(optimizer, "mse", metrics=["mae", fastbp.metrics.AUC(num_thresholds=3)], weighted_metrics=["mse"])
        model.fit(np.ones((4, width)), np.ones((4, 2)), batch_size=2, verbose=0)
    return model


def networks():
    schedule = fastbp.optimizers.schedules.CosineDecay(0.1, 30)
    dense = fastbp.Dense(4, "relu", kernel_regularizer="l2", kernel_constraint="max_norm", name="first")
    inner = layers.Residual([fastbp.Dense(3, "gelu"), layers.Dropout(0.5, seed=3)])
    every = [
        network(None),
        network(fastbp.SGD(schedule, momentum=0.5), dense, layers.BatchNormalization()),
        network(fastbp.Adam(use_ema=True, gradient_accumulation_steps=2, clipnorm=1.0), layers.Residual([inner])),
        network(
            "nadam",
            layers.Rescaling(0.5, [1.0, 2.0, 3.0]),
            layers.LayerNormalization(),
            layers.Activation(fastbp.activations.elu.with_settings(0.5)),
            layers.GaussianNoise(0.25),
            dtype="float64",
        ),
        fastbp.Sequential([fastbp.Input((2, 3)), layers.Flatten(), layers.Softmax()]),
        fastbp.Sequential([fastbp.Dense(3), layers.RMSNormalization()]),
    ]
    every[1].optimizer.exclude_from_weight_decay(var_names=["bias"])
    return every


def written(save, ending, *every):
    """The bytes that something writes to a path."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for one in every:
            path = os.path.join(folder, f"f{ending}")
            save(one, path)
            with open(path, "rb") as file:
                found.append(file.read())
    return found


def torch_files():
    from safetensors.numpy import save

    arrays = [{f"{i}.weight": (4, 3), f"{i}.bias": (4,), f"{i + 2}.weight": (2, 4)} for i in (0, 7)]
    found = [save({name: np.ones(shape, "float32") for name, shape in one.items()}) for one in arrays]
    return [*found, save({"a.weight": np.ones((5, 3)), "b.weight": np.ones((1, 5)), "b.bias": np.ones(1)})]


def keras_files():
    """Two of the kind that Keras writes, made without it."""
    import h5py

    found = []
    for names in (["dense", "dense_1"], ["dense", "batch_normalization"]):
        data, stack = io.BytesIO(), [{"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "in"}}]
        with h5py.File(data, "w") as file:
            for name in names:
                shapes = [(3, 3), (3,)] if name.startswith("dense") else [(3,)] * 4
                for i, shape in enumerate(shapes):
                    file[f"layers/{name}/vars/{i}"] = np.ones(shape, "float32")
                kinds = {"dense": "Dense", "dense_1": "Dense", "batch_normalization": "BatchNormalization"}
                settings = (
                    {"name": name, "units": 3, "activation": "relu"} if name.startswith("dense") else {"axis": -1}
                )
                stack.append({"class_name": kinds[name], "config": {"name": name} | settings})
        config = {"class_name": "Sequential", "config": {"name": "small", "layers": stack}}
        found.append(zipped({"config.json": json.dumps(config).encode(), "model.weights.h5": data.getvalue()}))
    return found


def zipped(members):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return data.getvalue()


# ---- changes ----


def any_bytes(data, rng):
    """A few bytes are others, are missing, or are there twice."""
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at, size = int(rng.integers(len(data) + 1)), int(2 ** rng.integers(0, 9))
        match rng.integers(6):
            case 0 if at < len(data):
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at : at + size] = rng.bytes(size)
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at : at + 1] = BYTES[rng.integers(len(BYTES))]
            case _:
                del data[at:]
    return bytes(data)


def any_json(value, rng):
    """JSON of a description in which a few things are others; at times no JSON, or of unusual depth or length."""
    for _ in range(int(rng.geometric(0.75))):
        if value and isinstance(value, (dict, list)):
            value = mutated(value, rng)
    text = json.dumps(value)
    match rng.integers(40):
        case 0:
            depth = int(10 ** rng.uniform(0, 5))
            return '{"a":' * depth + "1" + "}" * depth
        case 1:
            return text.replace(":", ': {"kind": "layer", "class_name": "Residual", "config": {"layers": [') + text
        case 2:
            return any_bytes(text.encode(), rng).decode(errors="replace")
        case 3:
            digit = rng.choice(list("0123456789"))
            return text.replace(str(digit), "9" * int(rng.integers(1, 400)), 1)
        case 4:
            return text[:-1] + ',"config":null,"layers":[]}'  # keys that are there twice
    return text


def any_safetensors(data, rng):
    """The header says another thing, or an entry of the metadata does."""
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    metadata = header.get("__metadata__", {})
    described = [name for name in ("config", "compile", "state") if name in metadata]
    if described and rng.random() < 0.7:
        name = described[rng.integers(len(described))]
        metadata[name] = any_json(json.loads(metadata[name]), rng)
        text = json.dumps(header)
    elif rng.random() < 0.5:
        names = [name for name in header if name != "__metadata__"] or ["0/a/kernel"]
        name = names[rng.integers(len(names))]
        tensor = header.get(name, {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})
        match rng.integers(5):
            case 0:
                tensor["dtype"] = str(rng.choice(["F64", "F16", "BF16", "I32", "U64", "BOOL", "F8_E4M3", "C64", "F4"]))
            case 1:
                tensor["shape"] = [int(n) for n in rng.choice([0, 1, 2, 3, 4, 2**31, 2**62], rng.integers(4))]
            case 2:
                tensor["shape"] = tensor["shape"][::-1]
            case 3:
                header[str(rng.choice(["x", "0/a/kernel", "optimizer/a/0", "9/dense/bias", ""]))] = header.pop(
                    name, tensor
                )
            case _:
                other = header[names[rng.integers(len(names))]] if name in header else tensor
                tensor["data_offsets"], other["data_offsets"] = other["data_offsets"], tensor["data_offsets"]
        text = json.dumps(header)
    else:
        text = any_json(header, rng)
    return struct.pack("<Q", len(text.encode())) + text.encode() + body


def any_keras(data, rng):
    """The description is another, or the weights are, in an archive that is whole."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if rng.random() < 0.6:
        members["config.json"] = any_json(json.loads(members["config.json"]), rng).encode()
    else:
        members["model.weights.h5"] = any_bytes(members["model.weights.h5"], rng)
    return zipped(members)


def any_onnx(data, rng):
    """A node, a constant or our own description of the model is another."""
    import onnx

    proto = onnx.load_model_from_string(data)
    graph = proto.graph
    for _ in range(int(rng.integers(1, 4))):
        node = graph.node[rng.integers(len(graph.node))] if graph.node else graph.node.add()
        tensor = (
            graph.initializer[rng.integers(len(graph.initializer))] if graph.initializer else graph.initializer.add()
        )
        match rng.integers(9):
            case 0:
                node.op_type = str(
                    rng.choice(["Gemm", "Add", "Mul", "Relu", "Identity", "Reshape", "Loop", "Dropout", ""])
                )
            case 1:
                node.input.append(str(rng.choice([tensor.name, "input", "", node.output[0] if node.output else "x"])))
            case 2 if node.attribute:
                attribute = node.attribute[rng.integers(len(node.attribute))]
                attribute.i, attribute.f = int(rng.choice([-1, 0, 1, 2**62])), float(rng.choice([np.nan, 1e38, -1.0]))
            case 3:
                tensor.dims[:] = [int(n) for n in rng.choice([-1, 0, 1, 3, 2**31, 2**62], rng.integers(4))]
            case 4:
                tensor.data_type = int(rng.integers(0, 25))
            case 5:
                tensor.raw_data = any_bytes(tensor.raw_data, rng)
            case 6:
                dims = graph.input[0].type.tensor_type.shape.dim if graph.input else []
                for dim in dims:
                    dim.dim_value = int(rng.choice([-1, 0, 1, 3, 2**31, 2**62]))
            case 7 if len(graph.node) > 1:
                del graph.node[int(rng.integers(len(graph.node)))]
            case _:
                graph.node.append(node)
    if rng.random() < 0.3:
        for entry in proto.metadata_props:
            entry.value = any_json(json.loads(entry.value), rng)
    return proto.SerializeToString()


# ---- formats ----


@dataclass
class Format:
    """How files are made, changed where they stay files, and loaded; and how many of a thousand cases are such."""

    files: Any
    change: Any
    load: Any
    share: int
    ending: str = ".safetensors"
    needs: tuple[str, ...] = ()


def into(load):
    """Loads into models that are there, which must be left as they were if it fails."""

    def loaded(path, models):
        for model in models:
            before = [w.tobytes() for w in model.weights]
            try:
                load(model, path)
                return model
            except DOCUMENTED:
                if before != [w.tobytes() for w in model.weights]:
                    raise AssertionError("the model was changed by a file that does not fit") from None
        raise ValueError("it fits none")

    return loaded


def whole(path, models):
    if path.endswith("0"):
        return fastbp.load_model(path)
    with open(path, "rb") as file:
        return saving.from_bytes(file.read())


FORMATS = {
    "model": Format(lambda: [saving.to_bytes(m) for m in networks()], any_safetensors, whole, 600),
    "state": Format(
        lambda: written(saving.save_state, ".safetensors", *networks()[1:4]),
        any_safetensors,
        into(saving.load_state),
        120,
    ),
    "weights": Format(
        lambda: written(saving.save_weights, ".safetensors", *networks()[1:4]),
        any_safetensors,
        into(lambda model, path: model.load_weights(path, skip_mismatch=bool(len(path) % 2))),
        100,
    ),
    "torch": Format(torch_files, any_safetensors, lambda path, models: fastbp.from_torch(path), 100),
    "onnx": Format(
        lambda: written(fastbp.Sequential.export, ".onnx", *networks()[:4]),
        any_onnx,
        lambda path, models: fastbp.from_onnx(path),
        40,
        ".onnx",
        ("onnx",),
    ),
    "keras": Format(keras_files, any_keras, lambda path, models: fastbp.from_keras(path), 40, ".keras", ("h5py",)),
}


def available():
    """The formats whose packages are there."""
    found = {}
    for name, format in FORMATS.items():
        try:
            for package in format.needs:
                __import__(package)
        except ImportError:
            continue
        found[name] = format
    return found


# ---- cases ----


class Fuzzer:
    """Runs cases of one seed."""

    def __init__(self, seed, folder):
        self.seed, self.folder = seed, folder
        fastbp.set_num_threads(1)
        warnings.simplefilter("ignore")
        self.formats = available()
        self.files = {name: format.files() for name, format in self.formats.items()}
        self.models = networks()[1:4]
        shares = np.array([format.share for format in self.formats.values()], float)
        self.shares = shares / shares.sum()
        for name in self.formats:  # what is imported at the first use is no memory of a case
            for data in self.files[name]:
                self.load(name, data)

    def made(self, case):
        """Format and bytes of a case."""
        rng = np.random.default_rng([self.seed, case])
        name = list(self.formats)[rng.choice(len(self.shares), p=self.shares)]
        files = self.files[name]
        data = files[rng.integers(len(files))]
        change = any_bytes if rng.random() < 0.3 else self.formats[name].change
        return name, change(data, rng)

    def load(self, name, data):
        """What became of a file: "loaded" or "refused"; anything else is raised."""
        path = os.path.join(self.folder, f"case{self.formats[name].ending}")
        with open(path, "wb") as file:
            file.write(data)
        try:
            model = self.formats[name].load(path, self.models)
        except DOCUMENTED:
            return "refused"
        if model.built and model.input_shape[1] <= MOST_COLUMNS:
            x = np.ones((2, *(model._input.shape if model._input else model.input_shape[1:])))
            with np.errstate(all="ignore"):
                y = model.predict(x, verbose=0)
            if y.shape != (2, *model.output_shape[1:]):
                raise AssertionError(f"it predicts {y.shape}; expected two rows of {model.output_shape}")
        return "loaded"

    def run(self, case):
        """The format of a case, and what became of it: "loaded", "refused" or what is wrong."""
        name, data = self.made(case)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: SIM115
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        begun = time.process_time()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2 * len(data) + MEMORY, hard))
        try:
            what = self.load(name, data)
        except BaseException:
            what = traceback.format_exc()
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        seconds = time.process_time() - begun
        return name, what if seconds < SECONDS else f"it took {seconds:.1f} s"


def work(seed, first, last, step, progress, results):
    """Runs every ``step``-th case, and tells how they ended."""
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(seed, folder)
        for case in range(first, last, step):
            progress.value = case
            name, what = fuzzer.run(case)
            if what not in ("loaded", "refused"):
                results.put(("failure", case, name, what))
                what = "failed"
            counts[name, what] = counts.get((name, what), 0) + 1
            if sum(counts.values()) == 500:  # what is told now is not lost if the process dies
                results.put(("counts", counts))
                counts = {}
    results.put(("counts", counts))


def fuzz(cases, seed=0, jobs=1, first=0, tell=print):
    """Runs cases in processes of their own.

    Returns:
        How many of each format became what, and the failures: case, format, what happened.
    """
    context = multiprocessing.get_context("spawn")
    results, counts, failures, workers = context.Queue(), {}, [], []

    def begin(job, at):
        progress = context.Value("q", at)
        process = context.Process(target=work, args=(seed, at, first + cases, jobs, progress, results))
        process.start()
        return [job, process, progress, at, time.monotonic()]

    def take():
        while not results.empty():
            kind, *rest = results.get()
            if kind == "counts":
                for key, n in rest[0].items():
                    counts[key] = counts.get(key, 0) + n
            else:
                failures.append(tuple(rest))
                tell(f"case {rest[0]} of {rest[1]}: {rest[2]}")

    workers = [begin(job, first + job) for job in range(jobs)]
    while workers:
        time.sleep(0.2)
        take()
        for worker in list(workers):
            job, process, progress, last, since = worker
            if progress.value != last:
                worker[3:] = [progress.value, time.monotonic()]
            elif time.monotonic() - since > SILENCE:
                tell(f"case {progress.value}: nothing for {SILENCE:.0f} s")
                process.kill()
            if process.is_alive():
                continue
            process.join()
            workers.remove(worker)
            if process.exitcode != 0:  # a crash, or it was killed for its silence
                failures.append((progress.value, "?", f"the process ended with {process.exitcode}"))
                tell(f"case {progress.value}: the process ended with {process.exitcode}")
                if progress.value + jobs < first + cases:
                    workers.append(begin(job, progress.value + jobs))
    time.sleep(0.2)
    take()
    return counts, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    counts, failures = fuzz(options.cases, options.seed, options.jobs, options.first)
    for (name, what), n in sorted(counts.items()):
        print(f"{name:8} {what:8} {n:9,}")
    print(f"{sum(counts.values()):,} cases in {time.monotonic() - begun:.0f} s, {len(failures)} failures")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
