"""One table for each kind of part: names to objects, and errors that help."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that is not in a table: the nearest, and all known ones.

    >>> raise unknown_name("activation", "rellu", ["relu", "tanh"])
    Traceback (most recent call last):
        ...
    ValueError: unknown activation 'rellu'; did you mean 'relu'? Known: relu, tanh
    """
    import difflib  # here, for it is needed once in a blue moon and takes a millisecond to import

    names = sorted(known)
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return ValueError(f"unknown {kind} {name!r}{hint} Known: {', '.join(names)}")


class Configured:
    """What can be made again from the arguments it was made of, which are attributes of the same names."""

    def get_config(self) -> dict[str, Any]:
        """The keyword arguments that make an equal object."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The object of these keyword arguments."""
        return cls(**config)


class Registry(Generic[T]):
    """The members of one kind by name. Classes also answer to their own names, as in Keras."""

    def __init__(self, kind: str, base: type[T], members: Mapping[str, Any], aliases: Mapping[str, str] | None = None):
        self.kind = kind
        self.base = base
        self.members = dict(members)
        self.aliases = dict(aliases or {})
        self.abstract = any(isinstance(member, type) for member in self.members.values())  # the base is no member
        self.aliases |= {cls.__name__: name for name, cls in self.members.items() if isinstance(cls, type)}

    def __iter__(self) -> Any:
        return iter(self.members)

    def get(self, identifier: Any) -> T:
        """The member that a name, a class or an instance stands for."""
        if isinstance(identifier, str):
            name = self.aliases.get(identifier, identifier)
            if name not in self.members:
                raise unknown_name(self.kind, identifier, self.members)
            identifier = self.members[name]
        if isinstance(identifier, type) and issubclass(identifier, self.base) and identifier is not self.base:
            identifier = identifier()
        if not isinstance(identifier, self.base):
            raise self._unexpected(f"{type(identifier).__name__} {identifier!r}")
        if self.abstract and type(identifier) is self.base:
            raise self._unexpected("the base class itself")
        return identifier

    def _unexpected(self, came: str) -> TypeError:
        return TypeError(f"expected the {self.kind} as a name or as a {self.base.__name__}; got {came}")
