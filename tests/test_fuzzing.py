"""Damaged files of every format: a model or an error that the documents name, and never more than the file's worth."""

import json
import os
import struct
import sys

import pytest

pytest.importorskip("resource", reason="memory cannot be limited here")
import fuzzing
from safetensors.numpy import save

import fastbp
from fastbp import saving

CASES = int(os.environ.get("FASTBP_FUZZ_CASES", "100000"))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited by what Linux counts")
def test_damaged_files_are_refused_or_give_a_model():
    counts, failures = fuzzing.fuzz(CASES, seed=1, jobs=os.cpu_count() or 1, tell=lambda line: None)
    assert failures == []
    assert sum(counts.values()) == CASES
    for name in fuzzing.available():  # else little was tried
        assert counts[name, "loaded"] > 0
        assert counts[name, "refused"] > 0


# ---- what was found, and what a fuzzer would need luck for ----


def whole(config, compiled=None, **tensors):
    metadata = {"format": "fastbp", "version": "1", "config": json.dumps(config)}
    if compiled is not None:
        metadata["compile"] = json.dumps(compiled)
    return save(tensors, metadata)


def model(*stack):
    return {"kind": "model", "class_name": "Sequential", "config": {"layers": list(stack), "dtype": "float32"}}


def part(kind, class_name, /, **config):
    return {"kind": kind, "class_name": class_name, "config": config}


def nested(depth):
    layer = part("layer", "Dense", units=3, name="a")
    for _ in range(depth):
        layer = part("layer", "Residual", layers=[layer], name="b")
    return layer


INPUT = part("layer", "Input", shape=[3])
THRESHOLDS = {"loss": "mse", "metrics": [part("metric", "AUC", num_thresholds=10**9)]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (whole(model(INPUT, part("layer", "Dense", units=10**9, name="a"))), "it lacks 0/a/kernel, 0/a/bias"),
        (whole(model(INPUT, part("layer", "Dense", units=10**400, name="a"))), "it lacks"),
        (whole(model(part("layer", "Input", shape=[2**40, 2**40]))), "columns, and it has no weights"),
        (whole(model(INPUT, model(INPUT, part("layer", "Dense", units=10**5)))), "a model cannot be part of another"),
        (whole(model(INPUT, nested(200))), "deeper than 100 levels"),
        (whole(model(INPUT, part("layer", "Dropout", rate=10**400))), "cannot make the layer Dropout"),
        (whole(model(INPUT, part("layer", "Dropout", rate=0.5)), THRESHOLDS), "num_thresholds must be at most 100,000"),
        (whole([]), r"its config is \[\]; expected a model"),
        (whole(model(INPUT), [3]), r"what it was compiled with is \[3\]"),
    ],
    ids=["units", "huge", "columns", "model", "nested", "overflow", "thresholds", "list", "compile"],
)
def test_promises_are_not_believed(data, message):
    with pytest.raises(ValueError, match=message):
        saving.from_bytes(data)


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a":' * 10**5, "9" * 10**4, "nul", ""], ids=len)
def test_json_that_is_none(text):
    data = save({}, {"format": "fastbp", "version": "1", "config": text})
    with pytest.raises(ValueError, match="'config' is not JSON"):
        saving.from_bytes(data)


@pytest.mark.parametrize("header", ["{}", '{"__metadata__":null}', '{"__metadata__":{}}'])
def test_files_without_metadata_were_written_by_others(header):
    data = struct.pack("<Q", len(header)) + header.encode()
    with pytest.raises(ValueError, match="was not written by fastbp"):
        saving.from_bytes(data)


def test_a_weight_that_is_there_twice_is_refused(tmp_path):
    one = fastbp.Sequential([fastbp.Input((3,)), fastbp.Dense(2, use_bias=False, name="a")])
    data = save({"0/a/kernel": one.weights[0], "0/b/kernel": one.weights[0]}, {"format": "fastbp", "version": "1"})
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match="has both 0/a/kernel and 0/b/kernel, which are one place"):
        one.load_weights(tmp_path / "w.safetensors")


def test_slots_that_are_missing_are_seen_before_there_is_room_for_them():
    one = fastbp.Sequential([fastbp.Input((3,)), fastbp.Dense(2)])
    one.compile(fastbp.Adam(use_ema=True, gradient_accumulation_steps=2), "mse")
    assert {name: view.shape for name, view in saving._slots(one._require_trainer()).items()} == saving._slot_shapes(
        one
    )
