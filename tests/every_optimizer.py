"""One optimiser for every update rule of the core, found through the classes and their options."""

import inspect
from itertools import product

from fastbp import optimizers

SHARED = inspect.signature(optimizers.Optimizer).parameters
ON = {bool: True, float: 0.9}  # what an option that is off by default is turned to


def _options(cls):
    own = [p for p in inspect.signature(cls).parameters.values() if p.name not in SHARED]
    return {p.name: ON[type(p.default)] for p in own if p.default == 0}


RULES = {}  # kernel: the class, and the options that choose it
for member in optimizers.OPTIMIZERS.members.values():
    options = _options(member)
    for chosen in product([False, True], repeat=len(options)):
        settings = {name: options[name] for name, on in zip(options, chosen, strict=True) if on}
        RULES.setdefault(member(**settings).kernel, (member, settings))
