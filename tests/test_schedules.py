"""Learning rate schedules: their formulas step by step, and Keras's and PyTorch's numbers."""

import inspect
import json
import math

import numpy as np
import pytest

from fastbp.optimizers import schedules
from fastbp.optimizers.schedules import (
    SCHEDULES,
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

EPS = np.finfo(np.float64).eps
KERAS = [  # and how many steps to compare
    (ExponentialDecay(0.1, 40, 0.96), 1000),
    (ExponentialDecay(0.1, 7.5, 0.9, staircase=True), 1000),
    (ExponentialDecay(0.0, 40, 0.96), 10),
    (ExponentialDecay(0.1, 40, 0.0), 10),
    (InverseTimeDecay(0.1, 10, 0.5), 1000),
    (InverseTimeDecay(0.1, 16, 2, staircase=True, name="mine"), 1000),
    (PiecewiseConstantDecay([100, 110, 120], [1.0, 0.1, 0.01, 0.001]), 200),
    (PiecewiseConstantDecay([10.5], [0.01, 1.0]), 30),
    (PolynomialDecay(0.1, 300), 400),
    (PolynomialDecay(0.1, 300, 0.01, power=0.5), 400),
    (PolynomialDecay(0.1, 64, 0.001, power=3, cycle=True), 700),
    (PolynomialDecay(0.01, 64, 0.1, cycle=True), 200),
    (PolynomialDecay(0.1, 50, power=0), 70),
    (CosineDecay(0.1, 500), 600),
    (CosineDecay(0.1, 500, alpha=0.2), 600),
    (CosineDecay(0.001, 500, alpha=0.01, warmup_target=0.1, warmup_steps=123), 800),
    (CosineDecay(0.1, 50, warmup_target=0.01, warmup_steps=20), 100),
    (CosineDecay(0.1, 50, warmup_target=0.01), 60),
    (CosineDecay(0.1, 50, warmup_steps=20), 60),
    (CosineDecayRestarts(0.1, 64), 1500),
    (CosineDecayRestarts(0.1, 100, t_mul=1.0, m_mul=0.9, alpha=0.05), 1500),
    (CosineDecayRestarts(0.1, 50, t_mul=3.0, m_mul=0.5), 1999),
    (CosineDecayRestarts(0.1, 30, t_mul=1.5, m_mul=0.8, alpha=0.1), 1000),
]
ONE_CYCLES = [
    OneCycle(0.1, 100),
    OneCycle(0.1, 100, anneal_strategy="linear"),
    OneCycle(0.3, 77, 0.25, "cos", 10.0, 100.0, True),
    OneCycle(0.3, 77, 0.4, "linear", 4.0, 50.0, True),
    OneCycle(0.1, 10, pct_start=0.0),
    OneCycle(0.1, 10, pct_start=1.0),
    OneCycle(0.1, 10, pct_start=0.05, three_phase=True),
    OneCycle(0.1, 10, pct_start=0.9, three_phase=True),
    OneCycle(0.1, 1),
]
ALL = [schedule for schedule, _ in KERAS] + ONE_CYCLES


def test_every_schedule_is_tested_here():
    assert {type(schedule).__name__ for schedule in ALL} == set(SCHEDULES)


# ---- one step, many steps ----


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_a_step_an_array_and_rates_give_the_same(schedule):
    one_by_one = [schedule(step) for step in range(200)]
    assert all(isinstance(rate, float) for rate in one_by_one)
    np.testing.assert_array_equal(schedule(np.arange(200)), np.array(one_by_one), strict=True)
    np.testing.assert_array_equal(schedule([[3, 4], [5, 6]]), np.array(one_by_one[3:7]).reshape(2, 2), strict=True)
    np.testing.assert_array_equal(schedule.rates(0, 200), np.array(one_by_one), strict=True)
    np.testing.assert_array_equal(schedule.rates(50, 25), np.array(one_by_one[50:75]), strict=True)
    assert schedule.rates(7, 0).shape == (0,)
    assert schedule(7.0) == schedule(np.float32(7)) == one_by_one[7]


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_rates_are_finite_and_not_negative_for_ever(schedule):
    assert np.isfinite(schedule.rates(10**7, 50)).all()


class Halving(LearningRateSchedule):
    """Takes one step at a time, as users write them."""

    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        assert isinstance(step, int)
        return self.start if step < 3 else self.start / 2


def test_a_schedule_of_ones_own_takes_one_step_at_a_time():
    np.testing.assert_array_equal(Halving(0.1).rates(1, 4), np.array([0.1, 0.1, 0.05, 0.05]), strict=True)
    assert Halving(1).rates(1, 0).dtype == np.float64


def test_a_schedule_of_ones_own_may_build_on_ours():
    class Floor(ExponentialDecay):
        def __call__(self, step):
            return max(super().__call__(step), 0.05)

    np.testing.assert_allclose(Floor(0.1, 1, 0.7).rates(0, 4), [0.1, 0.07, 0.05, 0.05], rtol=4 * EPS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e-9])
def test_rates_that_cannot_be(value):
    class Bad(LearningRateSchedule):
        def __call__(self, step):
            return value if step == 5 else 1.0

    with pytest.raises(ValueError, match=rf"Bad\(\) gave {value} for step 5; a learning rate must be finite and at"):
        Bad().rates(3, 4)
    assert Bad().rates(3, 2).tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"for step 2; a learning rate must be finite"), np.errstate(over="ignore"):
        ExponentialDecay(1, 1e-3, 2).rates(0, 5)


# ---- formulas ----


def test_decays_at_hand():
    def expect(schedule, rates):
        np.testing.assert_allclose(schedule(np.array(list(rates))), list(rates.values()), rtol=8 * EPS, atol=EPS)

    expect(ExponentialDecay(0.1, 10, 0.5), {0: 0.1, 5: 0.1 * 0.5**0.5, 10: 0.05, 30: 0.0125})
    expect(ExponentialDecay(0.1, 10, 0.5, staircase=True), {0: 0.1, 9: 0.1, 10: 0.05, 19: 0.05, 30: 0.0125})
    expect(InverseTimeDecay(0.1, 10, 3), {0: 0.1, 5: 0.04, 10: 0.025})
    expect(InverseTimeDecay(0.1, 10, 3, staircase=True), {0: 0.1, 9: 0.1, 10: 0.025, 19: 0.025})
    expect(PiecewiseConstantDecay([5, 8], [3, 2, 1]), {0: 3, 5: 3, 6: 2, 8: 2, 9: 1, 99: 1})
    expect(PiecewiseConstantDecay([], [3]), {0: 3, 99: 3})
    expect(PolynomialDecay(0.5, 10, 0.1, power=2), {0: 0.5, 5: 0.2, 10: 0.1, 99: 0.1})
    expect(PolynomialDecay(0.5, 10, 0.1, cycle=True), {0: 0.5, 5: 0.3, 10: 0.1, 15: 0.2, 20: 0.1, 25: 0.1 + 0.4 / 6})
    expect(CosineDecay(1, 10), {0: 1, 5: 0.5, 10: 0, 99: 0})
    expect(CosineDecay(1, 10, alpha=0.5), {0: 1, 5: 0.75, 10: 0.5, 99: 0.5})
    expect(CosineDecay(0.2, 10, 0, "", 1.0, 4), {0: 0.2, 1: 0.4, 4: 1, 9: 0.5, 14: 0, 99: 0})
    expect(CosineDecayRestarts(1, 10), {0: 1, 5: 0.5, 10: 1, 20: 0.5, 30: 1, 50: 0.5, 70: 1})
    expect(CosineDecayRestarts(1, 10, 1.0, 0.5, 0.2), {0: 1, 5: 0.6, 10: 0.6, 15: 0.4, 20: 0.4})
    expect(OneCycle(1, 12, 0.25, "linear", 2, 1e4), {0: 0.5, 1: 0.75, 2: 1, 11: 5e-5, 99: 5e-5})
    expect(OneCycle(1, 13, 3 / 13, "linear", 4, 1e2, True), {0: 0.25, 2: 1, 3: 0.625, 4: 0.25, 8: 0.12625, 12: 0.0025})
    expect(OneCycle(1, 13, 3 / 13, "cos", 4, 1e2), {0: 0.25, 1: 0.625, 2: 1, 7: 0.50125, 12: 0.0025})


@pytest.mark.parametrize("t_mul", [1.0, 1.1, 1.5, 2.0, 3.0, 7.0, 10.0])
@pytest.mark.parametrize("first", [1, 10, 1000])
def test_restarts_come_where_they_should(first, t_mul):
    schedule = CosineDecayRestarts(1.0, first, t_mul, m_mul=0.5)
    begin, length = 0.0, float(first)
    for i in range(12):
        # At the exact place, or the next double of the sum, the period has begun; half of it later the rate has halved.
        assert schedule(begin) == pytest.approx(0.5**i, rel=1e-12)
        assert schedule(begin + length / 2) == pytest.approx(0.5 ** (i + 1), rel=1e-6)
        assert schedule(begin + length * (1 - 1e-3)) < 1e-5 * 0.5**i
        begin, length = begin + length, length * t_mul


# ---- configs and arguments ----


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_configs_make_equal_schedules(schedule):
    config = schedule.get_config()
    written = json.loads(json.dumps(schedules.serialize(schedule)))
    for other in (
        type(schedule).from_config(config),
        eval(repr(schedule), vars(schedules)),
        schedules.get(written),
        schedules.deserialize(written),
        schedules.deserialize({"module": "keras.optimizers.schedules", "registered_name": None} | written),
    ):
        assert type(other) is type(schedule)
        assert other.get_config() == config
    assert schedules.get(schedule) is schedule


def test_a_schedule_of_ones_own_is_made_again():
    written = schedules.serialize(Halving(0.1))
    assert written == {"class_name": "Halving", "config": {"start": 0.1}}
    assert schedules.deserialize(written, {"Halving": Halving})(0) == 0.1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ExponentialDecay(-0.1, 10, 0.5), ValueError, "initial_learning_rate must be finite and at least 0"),
        (lambda: ExponentialDecay(0.1, 0, 0.5), ValueError, "decay_steps must be greater than 0; got 0"),
        (lambda: ExponentialDecay(0.1, 10, np.inf), ValueError, "decay_rate must be finite and at least 0; got inf"),
        (lambda: InverseTimeDecay(0.1, "10", 0.5), TypeError, "decay_steps must be a number; got str '10'"),
        (lambda: InverseTimeDecay(0.1, 10, -1), ValueError, "decay_rate must be finite and at least 0; got -1"),
        (lambda: PiecewiseConstantDecay([1, 2], [1, 2]), ValueError, "one more than boundaries; got 2 and 2"),
        (lambda: PiecewiseConstantDecay([2, 2], [1, 2, 3]), ValueError, r"boundaries must increase; got \[2.0, 2.0\]"),
        (lambda: PiecewiseConstantDecay([2], [1, -1]), ValueError, "a value must be finite and at least 0; got -1"),
        (lambda: PolynomialDecay(0.1, -5), ValueError, "decay_steps must be greater than 0; got -5"),
        (lambda: PolynomialDecay(0.1, 5, -1), ValueError, "end_learning_rate must be finite and at least 0; got -1"),
        (lambda: PolynomialDecay(0.1, 5, power=-1), ValueError, "power must be finite and at least 0; got -1"),
        (lambda: CosineDecay(0.1, 0), ValueError, "decay_steps must be greater than 0"),
        (lambda: CosineDecay(0.1, 5, alpha=-1), ValueError, "alpha must be finite and at least 0; got -1"),
        (lambda: CosineDecay(0.1, 5, warmup_target="a"), TypeError, "warmup_target must be a number; got str 'a'"),
        (lambda: CosineDecay(0.1, 5, warmup_steps=-1), ValueError, "warmup_steps must be finite and at least 0"),
        (lambda: CosineDecayRestarts(0.1, 0), ValueError, "first_decay_steps must be greater than 0; got 0"),
        (lambda: CosineDecayRestarts(0.1, 5, t_mul=0.5), ValueError, "t_mul must be finite and at least 1; got 0.5"),
        (lambda: CosineDecayRestarts(0.1, 5, m_mul=-1), ValueError, "m_mul must be finite and at least 0; got -1"),
        (lambda: OneCycle(0.1, 0), ValueError, "total_steps must be at least 1; got 0"),
        (lambda: OneCycle(0.1, 10.0), TypeError, "total_steps must be a whole number; got float 10.0"),
        (lambda: OneCycle(0.1, 10, 1.1), ValueError, "pct_start must be finite and at least 0 and at most 1; got 1.1"),
        (lambda: OneCycle(0.1, 10, 0.3, "sin"), ValueError, "anneal_strategy must be one of cos, linear; got 'sin'"),
        (lambda: OneCycle(0.1, 10, div_factor=0), ValueError, "div_factor must be greater than 0; got 0"),
        (lambda: OneCycle(0.1, 10)("a"), TypeError, "step has dtype <U1; expected real numbers"),
        (lambda: OneCycle(0.1, 10).rates(-1, 3), ValueError, "first must be at least 0; got -1"),
        (lambda: OneCycle(0.1, 10).rates(0, 2.5), TypeError, "count must be a whole number; got float 2.5"),
        (lambda: LearningRateSchedule()(1), NotImplementedError, r"must define __call__\(step\)"),
        (lambda: LearningRateSchedule().rates(0, 1), NotImplementedError, r"must define __call__\(step\)"),
        (lambda: schedules.get("OneCycle"), TypeError, "missing 2 required positional arguments"),
        (lambda: schedules.get(0.1), TypeError, "expected the learning rate schedule as a name"),
        (lambda: schedules.get({"class_name": "Cosine"}), ValueError, "unknown learning rate schedule 'Cosine'"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- peers ----


@pytest.mark.parametrize("name", sorted(SCHEDULES.members.keys() - {"OneCycle"}))
def test_arguments_are_keras(name):
    from peer_keras import keras

    theirs = getattr(keras.optimizers.schedules, name)
    arguments, expected = (inspect.signature(c).parameters.values() for c in (SCHEDULES.members[name], theirs))
    assert [(a.name, a.default) for a in arguments] == [(a.name, a.default) for a in expected]


@pytest.mark.parametrize(("schedule", "steps"), KERAS, ids=repr)
def test_rates_and_configs_are_keras(schedule, steps):
    from peer_keras import keras

    theirs = keras.optimizers.schedules.deserialize(schedules.serialize(schedule))
    expected = np.asarray(keras.ops.vectorized_map(theirs, np.arange(steps, dtype="float32")))
    rates = schedule.rates(0, steps)
    # Keras computes in float32: what is left of a cosine or a power of 1 - p has the rounding of numbers of size 1.
    np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=4 * np.finfo("float32").eps * rates.max())
    ours = schedules.deserialize(keras.optimizers.schedules.serialize(theirs))
    assert ours.get_config() == schedule.get_config() == theirs.get_config()


@pytest.mark.parametrize("schedule", ONE_CYCLES, ids=repr)
def test_one_cycle_is_pytorch(schedule):
    torch = pytest.importorskip("torch")
    config = schedule.get_config()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=config.pop("max_learning_rate"), cycle_momentum=False, **config
    )
    expected = theirs.get_last_lr()
    for _ in range(1, schedule.total_steps):
        optimizer.step()
        theirs.step()
        expected += theirs.get_last_lr()
    np.testing.assert_allclose(schedule.rates(0, schedule.total_steps), expected, rtol=16 * EPS, atol=EPS)
