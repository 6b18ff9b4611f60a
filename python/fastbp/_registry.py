"""One table for each kind of part: names to objects, and errors that help."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Configurable:
    """A part that keeps its arguments as attributes of the same names, so that an equal one can be made from them."""

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal one."""
        lost = [name for name in self._arguments() if not hasattr(self, name)]
        if lost:
            raise TypeError(f"{type(self).__name__} keeps no attribute {', '.join(lost)}; it needs a get_config")
        return self._kept()

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """One with the arguments that ``get_config`` gave."""
        return cls(**config)

    @classmethod
    def _arguments(cls) -> list[str]:
        return list(inspect.signature(cls).parameters)

    def _kept(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._arguments() if hasattr(self, name)}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self._kept().items())
        return f"{type(self).__name__}({settings})"


def serialize(part: Configurable) -> dict[str, Any]:
    """The part as Keras writes it: {"class_name": ..., "config": ...}, of which JSON can be made."""
    return {"class_name": type(part).__name__, "config": part.get_config()}


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


class Registry(Generic[T]):
    """The members of one kind by name. Classes also answer to their own names, as in Keras."""

    def __init__(self, kind: str, base: type[T], members: Mapping[str, Any], aliases: Mapping[str, str] | None = None):
        self.kind = kind
        self.base = base
        self.members = dict(members)
        self.aliases = dict(aliases or {})
        self.abstract = any(isinstance(member, type) for member in self.members.values())  # the base is no member
        classes = {name: cls for name, cls in self.members.items() if isinstance(cls, type)}
        self.aliases |= {cls.__name__: name for name, cls in classes.items() if cls.__name__ != name}

    def __iter__(self) -> Any:
        return iter(self.members)

    def get(self, identifier: Any) -> T:
        """The member that a name, a class, an instance or, where members are configurable, a config stands for."""
        if isinstance(identifier, Mapping) and issubclass(self.base, Configurable):
            return self.deserialize(identifier)
        if isinstance(identifier, str):
            identifier = self._member(identifier)
        if isinstance(identifier, type) and issubclass(identifier, self.base) and identifier is not self.base:
            identifier = identifier()
        if not isinstance(identifier, self.base):
            raise self._unexpected(f"{type(identifier).__name__} {identifier!r}")
        if self.abstract and type(identifier) is self.base:
            raise self._unexpected("the base class itself")
        return identifier

    def deserialize(self, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> T:
        """The part that ``serialize`` described; other keys, which Keras writes, are passed over."""
        if not (isinstance(config, Mapping) and "class_name" in config):
            raise TypeError(f"expected the {self.kind} as {{'class_name': ..., 'config': ...}}; got {config!r}")
        name = config["class_name"]
        cls = (custom_objects or {}).get(name) or self._member(name)
        return self.get(cls.from_config(config.get("config", {})))

    def _member(self, identifier: str) -> Any:
        name = self.aliases.get(identifier, identifier)
        if name not in self.members:
            raise unknown_name(self.kind, identifier, self.members)
        return self.members[name]

    def _unexpected(self, came: str) -> TypeError:
        return TypeError(f"expected the {self.kind} as a name or as a {self.base.__name__}; got {came}")
