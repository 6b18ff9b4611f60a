"""Tables: what is read from files, how columns are encoded, and the command line on them from end to end."""

import csv
import json
import re
import sys

import numpy as np
import pytest

import fastbp
from fastbp import cli
from fastbp.tables import Column, Schema, read_table

NAN = float("nan")


@pytest.fixture
def data_extra():
    pytest.importorskip("pyarrow")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def columns(n=200, seed=0):
    """Columns of all kinds, with missing values, of which a class and a number depend."""
    rng = np.random.default_rng(seed)
    age, city = rng.uniform(18, 80, n), rng.choice(["Bern", "Genf", "Zürich"], n)
    member = rng.random(n) < 0.5
    score = (age - 45) / 10 + 3 * (city == "Bern") - 2 * member
    age[::17] = NAN
    city[::19] = ""
    return {
        "age": age,
        "city": city,
        "member": member,
        "churn": np.where(score > 0, "yes", "no"),
        "income": 1000 * score + 20000,
    }


def write_csv(path, table, order=None):
    names = order or list(table)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in zip(*(table[name].tolist() for name in names), strict=True):
            writer.writerow(["" if value != value else value for value in row])  # NaN is no equal of itself
    return path


def predictions(path="predictions.csv"):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def failed(arguments, capsys):
    """The one line that a command ends with; its exit status must be 2."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("fastbp: ")
    return error


# ---- from end to end ----


def test_classes_from_an_npz(capsys):
    table = columns()
    del table["income"]
    np.savez("people.npz", **table)
    assert cli.main(["train", "people.npz", "--target", "churn", "--epochs", "60"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"age +number +1 +12 +missing become [\d.]+, the median", printed)
    assert re.search(r"city +category +4 +11 +Bern, Genf, Zürich, \(missing\)", printed)
    assert "churn: the target, 2 classes: no, yes" in printed
    model, trivial = map(float, re.search(r"accuracy +([\d.]+)% +([\d.]+)%", printed).groups())
    assert model > 85 > trivial

    assert cli.main(["predict", "people-model", "people.npz"]) == 0
    printed = capsys.readouterr().out
    assert "200 predictions of 'churn' in predictions.csv" in printed
    rows = predictions()
    assert np.mean([row["churn"] == truth for row, truth in zip(rows, table["churn"], strict=True)]) > 0.85
    for row in rows:
        shares = {name: float(row[f"probability of {name}"]) for name in ("no", "yes")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert row["churn"] == max(shares, key=shares.get)


def test_numbers_from_a_csv(data_extra, capsys):
    table = columns()
    del table["churn"]
    write_csv("people.csv", table)
    assert cli.main(["train", "people.csv", "--target", "income", "--out", "m", "--epochs", "120"]) == 0
    r2 = float(re.search(r"R² +([\d.]+)", capsys.readouterr().out).group(1))
    assert r2 > 0.85  # not 1, for some ages and cities are missing
    with open("m/history.csv") as file:
        head = file.readline().strip()
    assert head == "epoch,loss,val_loss"

    order = ["member", "income", "age", "city"]
    for path in (write_csv("ordered.csv", table), write_csv("shuffled.csv", table, order)):
        cli.main(["predict", "m/model.safetensors", path, "--out", f"of_{path}"])
    assert predictions("of_ordered.csv") == predictions("of_shuffled.csv")
    values = [float(row["income"]) for row in predictions("of_ordered.csv")]
    assert np.corrcoef(values, table["income"])[0, 1] > 0.9


def test_the_model_takes_numbers_as_they_are():
    """Its scalers are layers: what schema.json encodes is neither scaled before nor after."""
    rng = np.random.default_rng(0)
    x = rng.normal(5e4, 1e4, 100)
    np.savez("t.npz", x=x, y=2 * x + 7)
    cli.main(["train", "t.npz", "--target", "y", "--hidden", "--epochs", "100", "--learning-rate", "0.05"])
    model = fastbp.load_model("t-model/model.safetensors")
    np.testing.assert_allclose(model.predict(x[:, None])[:, 0], 2 * x + 7, rtol=1e-3)


def test_csv_and_parquet_and_npz_say_the_same(data_extra, capsys):
    import pyarrow
    from pyarrow import parquet

    table = columns()
    np.savez("t.npz", **table)
    write_csv("t.csv", table)
    arrow = {name: [None if v != v or v == "" else v for v in values.tolist()] for name, values in table.items()}
    parquet.write_table(pyarrow.table(arrow), "t.parquet")
    told = []
    for ending in ("npz", "csv", "parquet"):
        cli.main(["train", f"t.{ending}", "--target", "churn", "--out", "m", "--epochs", "3"])
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] == told[2]


def test_the_same_seed_is_the_same_model(capsys):
    np.savez("t.npz", **columns())
    weights = []
    for seed in ("0", "0", "1"):
        cli.main(["train", "t.npz", "--target", "churn", "--epochs", "2", "--seed", seed])
        weights.append(fastbp.load_model("t-model/model.safetensors").get_weights())
    assert all((a == b).all() for a, b in zip(weights[0], weights[1], strict=True))
    assert any((a != b).any() for a, b in zip(weights[0], weights[2], strict=True))


def test_the_best_epoch_is_kept(capsys):
    np.savez("t.npz", **columns(60))
    cli.main(["train", "t.npz", "--target", "churn", "--epochs", "300", "--patience", "3", "--learning-rate", "0.03"])
    with open("t-model/history.csv") as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    kept = int(re.search(r"kept: epoch (\d+)", capsys.readouterr().out).group(1))
    assert kept == np.argmin(losses) + 1
    assert len(losses) == kept + 3 < 300


def test_validation_rows_do_not_shape_the_scaler():
    table = {"x": np.arange(100.0), "y": np.arange(100.0) ** 2}
    np.savez("t.npz", **table)
    cli.main(["train", "t.npz", "--target", "y", "--epochs", "1"])
    learnt = np.random.default_rng(0).permutation(100)[20:]
    scaler = fastbp.load_model("t-model/model.safetensors").layers[0]
    np.testing.assert_allclose(scaler.mean, learnt.mean(), rtol=1e-6)
    np.testing.assert_allclose(scaler.variance, learnt.var(), rtol=1e-6)


def test_what_predict_says_of_another_table(capsys):
    np.savez("t.npz", **columns())
    cli.main(["train", "t.npz", "--target", "churn", "--drop", "income", "--epochs", "2"])
    capsys.readouterr()
    np.savez("new.npz", city=["Bern", "Rom", "Rom"], age=[1.0, NAN, 3.0], member=[0, 1, 0], shoe=[1, 2, 3])
    assert cli.main(["predict", "t-model", "new.npz"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "3 predictions of 'churn' in predictions.csv\n"
    assert printed.err.splitlines() == [
        "fastbp: new.npz: columns that the model does not know are passed over: shoe",
        "fastbp: new.npz: column 'city': 2 values are no category that training had",
    ]
    np.savez("new.npz", city=["Bern"])
    assert "new.npz: no column 'age', 'member'; there are: city" in failed(["predict", "t-model", "new.npz"], capsys)
    np.savez("new.npz", city=["Bern"] * 2, age=["", "old"], member=[0, 1])
    error = failed(["predict", "t-model", "new.npz"], capsys)
    assert "column 'age' holds text ('old' in data row 2); expected numbers" in error


def test_targets_that_the_model_does_not_know_are_not_scored(capsys):
    np.savez("t.npz", **columns())
    cli.main(["train", "t.npz", "--target", "churn", "--drop", "income", "--epochs", "1"])
    capsys.readouterr()
    row = {"city": ["Bern", "Genf"], "age": [1, 2], "member": [0, 1]}
    np.savez("new.npz", **row, churn=["yes", "maybe"])
    assert cli.main(["predict", "t-model", "new.npz"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "2 predictions of 'churn' in predictions.csv\n"
    assert "no scores, for column 'churn' holds 'maybe', none of the model's classes" in printed.err
    np.savez("new.npz", **row, churn=["yes", ""])
    cli.main(["predict", "t-model", "new.npz"])
    assert re.search(r"accuracy +(0|100)\.0%", capsys.readouterr().out)


def test_text_is_read_as_in_training(data_extra):
    """A table of predictions may hold only such categories as look like numbers."""
    codes = ["007", "08", "x"] * 20
    with open("t.csv", "w") as file:
        file.write("code,y\n" + "".join(f"{code},{len(code)}\n" for code in codes))
    cli.main(["train", "t.csv", "--target", "y", "--task", "class", "--epochs", "30", "--learning-rate", "0.05"])
    with open("new.csv", "w") as file:
        file.write("code\n007\n08\n")
    cli.main(["predict", "t-model", "new.csv"])
    assert [row["y"] for row in predictions()] == ["3", "2"]


# ---- files that are no good ----


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Empty CSV"),
        ("a,y\n", "has no rows"),
        ("a,y\n1,2\n3\n", r"Row #3: Expected 2 columns, got 1"),
        ("a,a,y\n1,2,3\n", "two columns are called 'a'"),
        ("a;y\n1;2\n", r"no column 'y'; there are: a;y \(is another --separator needed\?\)"),
        ("a,b\n1,2\n", "no column 'y'; there are: a, b"),
        (b"a,y\n\xff\xfe,1\n", "column 'a' is not UTF-8 text"),
        (b"\xff\xfe,y\n1,1\n", "not UTF-8"),
        ("a,y\n" + "".join(f"t{i},1\n" for i in range(80)), "has one class only"),
        ("a,y\n" + "".join(f"t{i},{i % 2}\n" for i in range(80)), r"a \(80 different texts\).*--drop a\)"),
        (
            "a,y\n" + "".join(f"{i % 2},2020-01-{i + 1:02}\n" for i in range(20)),
            "column 'y' holds dates; a target must",
        ),
        (
            "a,y\n" + "".join(f"2020-01-{i + 1:02},{i % 2}\n" for i in range(20)) + "soon,1\n",
            "holds dates, but 'soon' in",
        ),
        ("a,y\n1,0\n2,1\ninf,0\n" + "1,1\n" * 20, "column 'a' must be at most 1e.18 in size; data row 3 is inf"),
        ("a,y\n1,0\n2,1\n", "2 rows have a target; expected at least 10"),
        ("a,y\n1,\n" + "2,0\n3,1\n" * 8 + "inf,1\n", "column 'a' must be at most 1e.18 in size; data row 18 is inf"),
        ("a,y\n" + "2,0.5\n3,1e200\n" * 8, "column 'y' must be at most 1e.18 in size; data row 2 is 1e.200"),
        ("a,y\n9,\n" + "2,0\n3,1\n" * 8 + "oops,1\n", "column 'a' holds numbers, but 'oops' in data row 18"),
        ("a,y\n1,\n" + "2,0\n3,1\n" * 8 + "4,1.5\n", "'y' holds 1.5 in data row 18; classes are whole"),
        ("a,y\n" + "1,\n" * 20, "column 'y' has no values"),
        ("a,y\n" + "1,0\n1,1\n" * 20, "no columns are left"),
    ],
)
def test_bad_csvs_end_with_a_line(data_extra, content, message, capsys):
    options = ["--task", "class"] if "whole" in message else []
    with open("bad.csv", "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    assert re.search(f"^fastbp: bad.csv: .*{message}", failed(["train", "bad.csv", "--target", "y", *options], capsys))


@pytest.mark.parametrize("name", ["none.csv", "none.npz"])
def test_no_such_file(name, capsys):
    assert f"No such file or directory: '{name}'" in failed(["train", name, "--target", "y"], capsys)


def test_other_bad_files(capsys):
    for name, content in (("t.npz", b"no zip"), ("t.txt", b"")):
        with open(name, "wb") as file:
            file.write(content)
    assert "fastbp: t.npz: " in failed(["train", "t.npz", "--target", "y"], capsys)
    error = failed(["train", "t.txt", "--target", "y"], capsys)
    assert "t.txt: unknown ending of a table '.txt'. Known: .csv, .parquet, .npz" in error
    np.savez("o.npz", a=np.array([{}], dtype=object))
    assert "o.npz: " in failed(["train", "o.npz", "--target", "a"], capsys)
    np.savez("d.npz", a=np.zeros((2, 2, 2)))
    assert "array 'a' has 3 dimensions" in failed(["train", "d.npz", "--target", "a"], capsys)
    np.savez("r.npz", a=np.zeros(2), b=np.zeros(3))
    assert "columns must have as many rows; got {'a': 2, 'b': 3}" in failed(["train", "r.npz", "--target", "a"], capsys)


def test_a_fit_that_diverges_ends_with_a_line(capsys):
    np.savez("t.npz", **columns())
    arguments = ["train", "t.npz", "--target", "income", "--epochs", "3", "--learning-rate", "1e30"]
    assert "training diverged; a lower --learning-rate" in failed(arguments, capsys)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "its format is not 'fastbp-table'"),
        ({"version": 2}, "version 2 of the format; this fastbp reads 1"),
        ({"features": []}, "its features are not whole"),
        ({"features": [{"nonsense": 1}]}, "nonsense"),
        ({"task": "number"}, "does not fit its classes"),
        ({"extra": 1}, "extra"),
    ],
)
def test_schemas_that_are_none(change, message, capsys):
    np.savez("t.npz", **columns())
    cli.main(["train", "t.npz", "--target", "churn", "--epochs", "1"])
    capsys.readouterr()
    with open("t-model/schema.json") as file:
        data = json.load(file)
    with open("t-model/schema.json", "w") as file:
        json.dump(data | change, file)
    error = failed(["predict", "t-model", "t.npz"], capsys)
    assert error.startswith("fastbp: t-model/schema.json is not a schema that fastbp wrote: ")
    assert message in error


def test_a_model_and_a_schema_that_do_not_belong_together(capsys):
    np.savez("t.npz", **columns())
    cli.main(["train", "t.npz", "--target", "churn", "--epochs", "1"])
    model = fastbp.Sequential([fastbp.Input((3,)), fastbp.Dense(1)])
    model.save("t-model/model.safetensors")
    error = failed(["predict", "t-model", "t.npz"], capsys)
    assert "has 3 inputs and 1 outputs; schema.json beside it has 7 and 2" in error


def test_of_many_columns_the_first_are_named():
    with pytest.raises(ValueError, match=r"no column 'y'; there are: x0, x1, .*, x19, \.\.\. \(50 in all\)$"):
        Schema.of({f"x{i}": Column.of([1.0, 2.0]) for i in range(50)}, "y")


def test_models_that_train_did_not_leave(tmp_path, capsys):
    np.savez("t.npz", **columns())
    assert "No such file or directory: 'nowhere'" in failed(["predict", "nowhere", "t.npz"], capsys)
    fastbp.Sequential([fastbp.Input((3,)), fastbp.Dense(1)]).save("m.safetensors")
    error = failed(["predict", "m.safetensors", "t.npz"], capsys)
    assert error == "fastbp: m.safetensors: there is no schema.json beside it; expected what train left\n"
    error = failed(["predict", str(tmp_path), "t.npz"], capsys)
    assert error == f"fastbp: {tmp_path}: there is no schema.json in it; expected what train left\n"


def test_csv_without_pyarrow_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    with open("t.csv", "w"):
        pass
    assert "pip install 'fastbp[data]'" in failed(["train", "t.csv", "--target", "y"], capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "t.csv"],
        ["train", "t.csv", "--target", "y", "--hidden", "0"],
        ["train", "t.csv", "--target", "y", "--validation", "1"],
        ["train", "t.csv", "--target", "y", "--seed", "-1"],
        ["train", "t.csv", "--target", "y", "--task", "both"],
        ["predict", "m"],
    ],
)
def test_bad_arguments_exit_with_a_usage_line(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    assert "usage: fastbp" in capsys.readouterr().err


# ---- what is a class, and what a number ----


@pytest.mark.parametrize(
    ("values", "task", "expected"),
    [
        (["a", "b", "b"], None, ("class", ["a", "b"])),
        ([True, False, False], None, ("class", ["false", "true"])),
        ([10, 9, 9], None, ("class", ["9", "10"])),  # in the order of numbers
        (list(range(11)), None, ("number", [])),
        ([0.5, 1.0, 1.0], None, ("number", [])),
        ([0, 1, 1], "number", ("number", [])),
        (list(range(11)) * 2, "class", ("class", [str(i) for i in range(11)])),
    ],
)
def test_targets(values, task, expected):
    table = {"x": Column.of(np.arange(len(values))), "y": Column.of(values)}
    schema, _ = Schema.of(table, "y", task=task)
    assert (schema.task, schema.classes) == expected


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        (["a", "b"], "number", r"holds text \('a'\); task 'number' needs numbers"),
        ([0.5, 1.0], "class", "holds 0.5 in data row 1; classes are whole"),
        (["a", "b", "c", "d"], None, "has 4 classes in 4 rows"),
    ],
)
def test_targets_that_are_none(values, task, message):
    with pytest.raises(ValueError, match=message):
        Schema.of({"x": Column.of(np.arange(len(values))), "y": Column.of(values)}, "y", task=task)


def test_columns_and_rows_that_are_left_out_are_named():
    said = []
    table = {"x": [1, 2, 3], "none": [NAN] * 3, "same": ["a"] * 3, "y": [0.5, NAN, 1.5]}
    schema, rows = Schema.of({name: Column.of(values) for name, values in table.items()}, "y", say=said.append)
    assert rows.tolist() == [0, 2]
    assert [feature.name for feature in schema.features] == ["x"]
    assert said == [
        "rows left out, for they have no 'y': 1",
        "column 'none' has one value only and is left out",
        "column 'same' has one value only and is left out",
    ]


def test_numbers_that_float32_hardly_tells_apart_are_named():
    said = []
    time = 1.7e9 + np.arange(100.0)
    table = {"time": time, "since": time - 1.7e9, "same": np.full(100, 3.0), "y": np.arange(100.0)}
    Schema.of({name: Column.of(values) for name, values in table.items()}, "y", say=said.append)
    assert said[0] == "column 'time': float32 hardly tells its values apart; subtract a number from all of them"
    assert len(said) == 2  # and that of the same


def test_a_few_texts_among_categories_that_look_like_numbers():
    table = {"code": Column.of(["1", "2", "3", "4", "5", "x"]), "y": Column.of([0, 1] * 3)}
    with pytest.raises(ValueError, match="'x' in data row 6; correct it, or name the column in --categories"):
        Schema.of(table, "y")
    schema, _ = Schema.of(table, "y", categories=["code"])
    assert len(schema.features[0].categories) == 6


def test_numbers_as_categories():
    table = {"code": Column.of([3.0, 20.0, NAN, 3.0]), "y": Column.of([0.5, 1, 2, 3])}
    schema, _ = Schema.of(table, "y", categories=["code"])
    assert schema.features[0].categories == ["20", "3", None]
    assert schema.encode(table)[0].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_kinds_from_parquet(data_extra):
    import datetime
    from decimal import Decimal

    import pyarrow
    from pyarrow import parquet

    arrow = {
        "n": pyarrow.array([None, None]),
        "d": pyarrow.array([Decimal("1.5"), None]),
        "b": pyarrow.array([True, None]),
        "c": pyarrow.array(["u", None]).dictionary_encode(),
        "t": pyarrow.array([datetime.date(1970, 1, 2), None]),
    }
    parquet.write_table(pyarrow.table(arrow), "t.parquet")
    table = read_table("t.parquet")
    assert [column.kind for column in table.values()] == ["number", "number", "boolean", "text", "date"]
    assert [column.missing.tolist() for column in table.values()] == [[True, True], *[[False, True]] * 4]
    assert table["d"].values[0] == 1.5
    assert table["c"].values[0] == "u"
    assert table["t"].values[0] == 86400.0
    assert np.isnan(table["t"].values[1])
