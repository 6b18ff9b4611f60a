"""Dates in tables: how they are read, what inputs they are, and from end to end."""

import csv
import datetime
import json
import re

import numpy as np
import pytest

from fastbp import cli
from fastbp.tables import Column, Schema, read_table

DAY = 86400.0
NOON = "2024-03-01T12:00"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data_extra():
    pytest.importorskip("pyarrow")


def dates(*texts):
    return Column.of(np.array(texts, "datetime64[s]"))


def schema_of(column):
    table = {"when": column, "y": Column.of(np.arange(len(column.missing)) + 0.5)}
    schema, rows = Schema.of(table, "y")
    return schema.fitted(table, rows)


def failed(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err


# ---- reading ----


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"),
        "%Y-%m-%d %H:%M:%S.%f",
    ],
)
def test_iso_dates_in_a_csv(data_extra, form):
    when = [datetime.datetime(1969, 7, 20), datetime.datetime(2024, 2, 29)]
    with open("t.csv", "w") as file:
        file.write("when,y\n" + "".join(f"{each.strftime(form)},1\n" for each in when) + ",2\n")
    column = read_table("t.csv")["when"]
    assert column.kind == "date"
    np.testing.assert_array_equal(column.values, [-165 * DAY, 19782 * DAY, np.nan])
    assert column.missing.tolist() == [False, False, True]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit(data_extra, unit):
    import pyarrow
    from pyarrow import parquet

    moments = [datetime.datetime(2024, 3, 1, 12), None]
    naive = pyarrow.array(moments, pyarrow.timestamp(unit))
    zoned = pyarrow.array(moments, pyarrow.timestamp(unit)).cast(pyarrow.timestamp(unit, "Europe/Zurich"))
    table = {
        "naive": naive,
        "zoned": zoned,  # the same instants, whose clock in Zurich is an hour ahead
        "names": naive.dictionary_encode(),
        "date64": naive.cast(pyarrow.timestamp("ms")).cast(pyarrow.date64(), safe=False),
        "time": pyarrow.array([datetime.time(6, 30), None]),
    }
    parquet.write_table(pyarrow.table(table), "t.parquet")
    columns = read_table("t.parquet")
    day = 19783 * DAY
    found = {name: column.values[0] for name, column in columns.items()}
    assert found == {
        "naive": day + DAY / 2,
        "zoned": day + DAY / 2,
        "names": day + DAY / 2,
        "date64": day,
        "time": 23400,
    }
    assert all(np.isnan(column.values[1]) and column.missing.tolist() == [False, True] for column in columns.values())


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "ns"])
def test_arrays_of_datetime64(unit):
    np.savez("t.npz", when=np.array(["2024-03-01", "NaT"], f"datetime64[{unit}]"))
    column = read_table("t.npz")["when"]
    assert (column.kind, column.missing.tolist()) == ("date", [False, True])
    assert column.values[0] == 19783 * DAY


def test_dates_as_text():
    assert dates("2024-03-01", NOON, "NaT").as_text().tolist() == ["2024-03-01", "2024-03-01T12:00", ""]


# ---- encoding ----


def test_parts_and_their_places_on_the_circle():
    column = dates("2024-01-01T00:00", "2024-04-02T06:00", "2024-07-03T12:00", "2024-10-31T18:00")
    schema = schema_of(column)
    (feature,) = schema.features
    assert (feature.kind, feature.parts, feature.width) == ("date", ["days", "month", "weekday", "hour"], 7)
    assert feature.origin == 19723 * DAY
    x, _ = schema.encode({"when": column})
    np.testing.assert_allclose(x[:, 0], [0, 92.25, 184.5, 304.75])
    np.testing.assert_allclose(
        x[:, 1:3], [[0, 1], [1, 0], [0, -1], [-1, 0]], atol=1e-7
    )  # January, April, July, October
    weekdays = 2 * np.pi / 7 * np.array([0, 1, 2, 3])  # Monday to Thursday
    np.testing.assert_allclose(x[:, 3:5], np.stack([np.sin(weekdays), np.cos(weekdays)], axis=1), atol=1e-7)
    np.testing.assert_allclose(x[:, 5:7], [[0, 1], [1, 0], [0, -1], [-1, 0]], atol=1e-7)
    assert schema.mean[1:] == [0] * 6
    assert schema.variance[1:] == [1] * 6
    assert schema.mean[0] == pytest.approx(x[:, 0].mean())
    assert schema.variance[0] == pytest.approx(x[:, 0].var())


@pytest.mark.parametrize(
    ("texts", "parts"),
    [
        (["2024-01-01", "2024-01-08"], ["days"]),
        (["2024-01-01", "2024-01-02"], ["days", "weekday"]),
        (["2024-01-01", "2025-12-01"], ["days", "month"]),
        (["2024-01-01", "2024-01-01T00:30"], ["days", "hour"]),
        (["1899-12-31T23:59", "1900-01-01"], ["days", "month", "weekday", "hour"]),
    ],
)
def test_only_what_varies_is_an_input(texts, parts):
    assert schema_of(dates(*texts)).features[0].parts == parts


def test_weekdays_and_months_before_1970():
    moments = [datetime.datetime(1900, 1, 1) + datetime.timedelta(days=17 * i, hours=i) for i in range(3000)]
    column = dates(*moments)
    x, _ = schema_of(column).encode({"when": column})
    angles = 2 * np.pi * np.array([[m.month - 1, m.weekday(), m.hour] for m in moments]) / [12, 7, 24]
    for i in range(3):
        np.testing.assert_allclose(x[:, 1 + 2 * i], np.sin(angles[:, i]), atol=1e-6)
        np.testing.assert_allclose(x[:, 2 + 2 * i], np.cos(angles[:, i]), atol=1e-6)


def test_missing_dates_are_the_median_day_in_the_middle_of_the_circles():
    column = dates("2024-01-01", "2024-01-02", "2024-01-10", "NaT")
    schema = schema_of(column)
    assert schema.features[0].fill == 1.0
    x, remarks = schema.encode({"when": column})
    assert x[3].tolist() == [1, 0, 0]
    assert remarks == []
    for empty in (Column.of([np.nan, np.nan]), Column.of(["", ""]), dates("NaT", "NaT")):
        assert schema.encode({"when": empty})[0].tolist() == [[1, 0, 0]] * 2


def test_days_keep_their_minutes_in_float32():
    moments = np.datetime64("2024-01-01") + np.arange(0, 1000, 13).astype("timedelta64[m]")
    column = Column.of(moments)
    x, _ = schema_of(column).encode({"when": column})
    np.testing.assert_allclose(x[:, 0] * 1440, np.arange(0, 1000, 13), rtol=1e-6)


def test_one_date_tells_nothing():
    said = []
    table = {"when": dates("2024-01-01", "NaT"), "x": Column.of([1, 2]), "y": Column.of([0.5, 1])}
    schema, _ = Schema.of(table, "y", say=said.append)
    assert [feature.name for feature in schema.features] == ["x"]
    assert said == ["column 'when' has one value only and is left out"]


def test_dates_as_categories():
    table = {"when": dates("2024-01-01", "2024-01-01", NOON), "y": Column.of([0.5, 1, 2])}
    schema, _ = Schema.of(table, "y", categories=["when"])
    assert schema.features[0].categories == ["2024-01-01", "2024-03-01T12:00"]
    assert schema.encode(table)[0].tolist() == [[1, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (Column.of([1.0, 2.0]), "column 'when' holds numbers; expected dates"),
        (Column.of([True, False]), "column 'when' holds truths; expected dates"),
        (Column.of(["", "soon"]), r"column 'when' holds text \('soon' in data row 2\); expected dates"),
    ],
)
def test_what_is_no_date(column, message):
    with pytest.raises(ValueError, match=message):
        schema_of(dates("2024-01-01", NOON)).encode({"when": column})


def test_a_date_is_no_number():
    table = {"x": Column.of([1.0, 2.0]), "y": Column.of([0.5, 1])}
    schema, _ = Schema.of(table, "y")
    with pytest.raises(ValueError, match="column 'x' holds dates; expected numbers"):
        schema.encode({"x": dates("2024-01-01", NOON)})


@pytest.mark.parametrize("task", [None, "number", "class"])
def test_a_date_is_no_target(task):
    table = {"x": Column.of([1.0, 2.0]), "y": dates("2024-01-01", NOON)}
    with pytest.raises(ValueError, match="column 'y' holds dates; a target must be numbers or classes"):
        Schema.of(table, "y", task=task)


# ---- from end to end ----


def sales(n=365 * 24 // 3):
    """Sales every three hours of a year: more in summer, by day, and on Saturdays."""
    when = np.datetime64("2023-01-01T00", "h") + 3 * np.arange(n)
    hour, weekday = np.arange(n) * 3 % 24, (when.astype("datetime64[D]").astype(int) + 3) % 7
    month = when.astype("datetime64[M]").astype(int) % 12
    amount = -np.cos(2 * np.pi * month / 12) - np.cos(2 * np.pi * hour / 24) + (weekday == 5)
    return when, amount


def write_csv(path, when, **columns):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["when", *columns])
        for each, *values in zip(when, *columns.values(), strict=True):
            writer.writerow(["" if each != each else str(each).replace("T", " ") + ":00:00", *values])


def test_train_and_predict(data_extra, capsys):
    when, amount = sales()
    when[5::50] = "NaT"
    write_csv("sales.csv", when, amount=amount)
    assert cli.main(["train", "sales.csv", "--target", "amount", "--epochs", "30"]) == 0
    printed = capsys.readouterr().out
    described = (
        r"when +date +7 +\d+ +days since 2023-01-01, month, weekday, hour; missing become 2023-\d\d-\d\d\S*, the m"
    )
    assert re.search(described, printed)
    assert float(re.search(r"R² +([\d.]+)", printed).group(1)) > 0.85
    with open("sales-model/schema.json") as file:
        (feature,) = json.load(file)["features"]
    assert (feature["parts"], feature["origin"]) == (["days", "month", "weekday", "hour"], 19358 * DAY)

    write_csv("new.csv", when[:100])
    np.savez("new.npz", when=when[:100])
    for path in ("new.csv", "new.npz"):
        assert cli.main(["predict", "sales-model", path, "--out", f"of_{path}"]) == 0
    with open("of_new.csv") as a, open("of_new.npz") as b:
        ours = a.read()
        assert ours == b.read()
    values = np.array(ours.split()[1:], float)
    known = ~np.isnat(when[:100])
    assert np.corrcoef(values[known], amount[:100][known])[0, 1] > 0.85

    with open("bad.csv", "w") as file:
        file.write("when\nyesterday\n")
    error = failed(["predict", "sales-model", "bad.csv"], capsys)
    assert "column 'when' holds text ('yesterday' in data row 1); expected dates" in error


@pytest.mark.parametrize("parts", [[], ["month"], ["days", "year"]])
def test_schemas_whose_dates_are_none(data_extra, parts, capsys):
    when, amount = sales(100)
    write_csv("sales.csv", when, amount=amount)
    cli.main(["train", "sales.csv", "--target", "amount", "--epochs", "1"])
    with open("sales-model/schema.json") as file:
        data = json.load(file)
    data["features"][0]["parts"] = parts
    with open("sales-model/schema.json", "w") as file:
        json.dump(data, file)
    assert "its features are not whole" in failed(["predict", "sales-model", "sales.csv"], capsys)
