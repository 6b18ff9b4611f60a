"""One random change somewhere in a description: what a damaged or malicious file may hold."""

import copy

ODD = (
    *(None, True, -1, 0, 3, 2.5, 10**30, float("inf"), float("nan"), "x", "relu", [], [1], [[1]], {}),
    *({"class_name": "L2"}, {"class_name": "Dense", "config": {}}),
    {"kind": "layer", "class_name": "Dense", "config": {"units": 2}},
)


def places(value, path=()):
    """The ways to all that a value holds."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def mutated(description, rng):
    """A copy in which one thing is missing or is another."""
    changed = copy.deepcopy(description)
    found = list(places(changed))
    *way, last = found[rng.integers(len(found))]
    holder = changed
    for key in way:
        holder = holder[key]
    if isinstance(holder, dict) and rng.random() < 0.2:
        del holder[last]
    else:
        holder[last] = ODD[rng.integers(len(ODD))]
    return changed
