"""What this build of fastbp is, what this machine has, and what was chosen."""

import os
import platform

from fastbp import _core
from fastbp.threads import get_num_threads

__all__ = ["show_config"]


def show_config() -> None:
    """Prints version, compiler, instruction sets (built, available here, chosen) and threads.

    ``FASTBP_ISA`` in the environment forces an instruction set, at import.

    >>> show_config()  # doctest: +ELLIPSIS
    fastbp ...
    threads ...
    """
    lines = {
        "fastbp": _core.__version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "compiler": _core.compiler,
        "instruction sets built": ", ".join(_core.built_isas()),
        "available here": ", ".join(_core.available_isas()),
        "chosen": _core.chosen_isa() + (" (FASTBP_ISA)" if os.environ.get("FASTBP_ISA") else ""),
        "threads": f"at most {get_num_threads()}",
    }
    width = max(map(len, lines))
    for name, value in lines.items():
        print(f"{name:<{width}}  {value}")
