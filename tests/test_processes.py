"""Life with other processes and packages: forks, joblib's workers, PyTorch and scikit-learn alongside, threadpoolctl.

Each test is a script in an interpreter of its own, so that nothing forks the one that runs the tests, nor limits it.
"""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

TIMEOUT = 120  # s; far more than any script needs, so that a deadlock is a failure

TRAINED = """
import numpy as np
import fastbp

def trained(threads=None):
    "The bits of a network that is worth two threads, and how many it got."
    model = fastbp.Sequential([fastbp.Input((300,)), fastbp.Dense(700, "tanh"), fastbp.Dense(300)], seed=0)
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(512, 300)).astype(np.float32)
    with fastbp.num_threads(threads or fastbp.get_num_threads()):
        model.fit(x, x, batch_size=256, epochs=2, verbose=0)
    return b"".join(w.tobytes() for w in model.get_weights()), model._require_trainer().core.team_size

"""


def needs(*packages):
    return pytest.mark.skipif(not all(find_spec(p) for p in packages), reason=f"without {' or '.join(packages)}")


@pytest.fixture
def start(tmp_path):
    """Starts a script; a call of what it gives waits for the script, which must succeed, and gives its output."""
    running = []

    def start_script(text, *arguments, **environment):
        path = tmp_path / f"script{len(running)}.py"
        path.write_text(text)
        limits = {k for k in os.environ if k.endswith("_NUM_THREADS")}
        process = subprocess.Popen(
            [sys.executable, *(arguments or [str(path)])],
            env={k: v for k, v in os.environ.items() if k not in limits} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)

        def finish():
            output, errors = process.communicate(timeout=TIMEOUT)
            assert process.returncode == 0, errors
            return output

        return finish

    yield start_script
    for process in running:
        process.kill()
        process.communicate()


FROM_A_POOL = """
if __name__ == "__main__":
    import multiprocessing
    expected = trained(2)
    assert expected[1] == 2
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert pool.map(trained, [2, 2]) == [expected, expected]
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_made_after_a_fit_can_fit(start, method):
    start(TRAINED + FROM_A_POOL.format(method=method))()


ALONGSIDE = """
import sklearn.cluster, torch

def others():
    "Matrix products and regions of OpenMP, on two threads where there are two processors."
    x = torch.ones(512, 512, requires_grad=True)
    (x @ x).tanh().sum().backward()
    sklearn.cluster.KMeans(3, n_init=1, random_state=0).fit(np.random.default_rng(0).normal(size=(2000, 5)))

if __name__ == "__main__":
    torch.set_num_threads(2)
    others()
"""


@needs("torch", "sklearn")
def test_forks_can_fit_where_others_have_threads(start):
    start(TRAINED + ALONGSIDE + FROM_A_POOL.format(method="fork"))()


def test_two_processes_at_once_are_the_same_bits(start):
    script = TRAINED + "import hashlib; print(hashlib.sha256(trained(2)[0]).hexdigest())"
    both = [start(script), start(script)]
    assert both[0]() == both[1]()


JOBLIB = """
from joblib import Parallel, cpu_count, delayed, parallel_config

def limited():
    return fastbp.get_num_threads(), trained()

if __name__ == "__main__":
    expected, _ = trained(1)
    for inner, share in [(None, max(cpu_count() // 2, 1)), (2, 2)]:  # two workers take no more than all processors
        with parallel_config("loky", n_jobs=2, inner_max_num_threads=inner):
            for threads, (bits, team) in Parallel()(delayed(limited)() for _ in range(4)):
                assert bits == expected
                assert team <= threads == share
    with parallel_config("threading", n_jobs=2):
        assert Parallel()(delayed(trained)(team) for team in (1, 2, 1, 2)) == [(expected, t) for t in (1, 2, 1, 2)]
"""


@needs("joblib")
def test_workers_of_joblib_give_the_same_bits_and_take_the_threads_they_are_given(start):
    start(TRAINED + JOBLIB)()


THREADPOOLCTL = """
import os, sys
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

def found():
    return [info for info in threadpool_info() if info["user_api"] == "fastbp"]

fastbp.set_num_threads(3)
assert found() == [{
    "user_api": "fastbp",
    "internal_api": "fastbp",
    "num_threads": 3,
    "prefix": "_core.",
    "filepath": os.path.realpath(fastbp._core.__file__),
    "version": fastbp.__version__,
}]
for limit in (threadpool_limits, ThreadpoolController().limit):
    with limit(limits=1):
        assert fastbp.get_num_threads() == 1
        with limit(limits=2, user_api="fastbp"):
            assert fastbp.get_num_threads() == found()[0]["num_threads"] == 2
        assert fastbp.get_num_threads() == 1
    with limit(limits=1, user_api="blas"):
        assert fastbp.get_num_threads() == 3
    with limit(limits=0):
        assert fastbp.get_num_threads() == 1
fastbp.set_num_threads(4)  # counts again after the last block
assert fastbp.get_num_threads() == 4
assert not any(type(finder).__module__.startswith("fastbp") for finder in sys.meta_path)
"""


@needs("threadpoolctl")
@pytest.mark.parametrize(
    "imports",
    [
        "import fastbp, threadpoolctl",
        "import threadpoolctl, fastbp",
        "import threadpoolctl; threadpoolctl.threadpool_info(); import fastbp",
        pytest.param("import fastbp, sklearn.cluster, scipy.optimize._highspy._core", marks=needs("sklearn")),
    ],
)
def test_threadpoolctl_lists_and_limits(start, imports):
    start(imports + THREADPOOLCTL)()


@needs("threadpoolctl")
def test_waiting_for_threadpoolctl_changes_nothing_of_it(start):
    start("""
import importlib.util, inspect
import fastbp
assert importlib.util.find_spec("threadpoolctl") is not None  # looked for, and not imported
import threadpoolctl
assert type(threadpoolctl.__loader__) is type(threadpoolctl.__spec__.loader) is type(inspect.__loader__)
assert "def register" in inspect.getsource(threadpoolctl)
assert len([info for info in threadpoolctl.threadpool_info() if info["user_api"] == "fastbp"]) == 1
""")()


def test_without_threadpoolctl(start):
    start("""
import sys
import fastbp
sys.path.clear()
try:
    import threadpoolctl
except ModuleNotFoundError as error:
    assert error.name == "threadpoolctl"
else:
    raise AssertionError("found with nowhere to look")
""")()


@needs("threadpoolctl")
def test_the_command_of_threadpoolctl_lists(start):
    assert '"internal_api": "fastbp"' in start("", "-m", "threadpoolctl", "-i", "fastbp")()
