"""What a group of settings can do: each field says which values it takes, and all are checked."""

import dataclasses
import difflib
import math
from collections.abc import Callable, Mapping
from functools import partial
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def nearest(name: str, known: list[str]) -> str:
    """Return a hint that names the known setting closest to `name`, or lists them all."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


class Range(NamedTuple):
    """Which numbers a setting takes, and how to say so."""

    holds: Callable[[float], bool]
    told: str


SIZE = Range(lambda value: value >= 1, "be a whole number of 1 or more")
RATE = Range(lambda value: 0 <= value < 1, "lie in [0, 1), for example 0.1")
SHARE = Range(lambda value: 0 <= value <= 1, "lie in [0, 1], for example 0.5")
ABOVE_ZERO = Range(lambda value: value > 0, "be above 0, for example 0.005")
NOT_NEGATIVE = Range(lambda value: value >= 0, "be 0 or more")


def setting(allowed: Range | None, default: Any, **notes: Any) -> Any:
    """Return a field of a group of settings.

    Args:
        allowed: which numbers it takes; None is all of its annotated type.
        default: its value where none is given.
        notes: `may_change=True`, where a run may go on with another value; `follows="data.key"`,
            where another setting decides the value.
    """
    return dataclasses.field(default=default, metadata={"allowed": allowed, **notes})


size = partial(setting, SIZE)
rate = partial(setting, RATE)
share = partial(setting, SHARE)
above_zero = partial(setting, ABOVE_ZERO)
not_negative = partial(setting, NOT_NEGATIVE)
anything = partial(setting, None)


def require_positive(**sizes: int | None) -> None:
    """Refuse a size that is no whole number of 1 or more; None is no size."""
    for name, value in sizes.items():
        check_value(name, value, int | None, SIZE)


def require_rate(**rates: float) -> None:
    """Refuse a dropout or smoothing rate outside [0, 1)."""
    for name, value in rates.items():
        check_value(name, value, float, RATE)


def plain_kind(kind: Any) -> tuple[Any, bool]:
    """Return an annotation without its `| None`, and whether it had one."""
    if get_origin(kind) is Literal or not get_args(kind):
        return kind, False
    (plain,) = [one for one in get_args(kind) if one is not NoneType]
    return plain, NoneType in get_args(kind)


def is_of(value: Any, kind: type) -> bool:
    """Whether a value is of a plain kind; a truth value is no number, infinity neither."""
    if kind is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return type(value) is bool if kind is bool else (
        isinstance(value, kind) and not isinstance(value, bool)
    )  # fmt: skip


def check_value(name: str, value: Any, kind: Any, allowed: Range | None = None) -> None:
    """Refuse a value that is not of the annotated `kind`, or outside the allowed range.

    Raises:
        ValueError: names the setting, quotes the value, and says what it must be.
    """
    plain, optional = plain_kind(kind)
    if value is None and optional:
        return
    if get_origin(plain) is Literal:
        choices = list(get_args(plain))
        if value not in choices:
            hint = nearest(str(value), choices)
            raise ValueError(f"{name} is {value!r}, which is not one of its values; {hint}")
    elif not is_of(value, plain) or not (allowed is None or allowed.holds(value)):
        told = allowed.told if allowed else f"be {WORDS[plain]}"
        raise ValueError(f"{name} is {value!r}; it must {told}")


def parse_value(name: str, text: str, kind: Any) -> Any:
    """Turn the typed `text` into a value of the annotated `kind`.

    Raises:
        ValueError: the text is no such value; the line quotes it and names the kind expected.
    """
    plain, optional = plain_kind(kind)
    if optional and text.lower() in ("none", ""):
        return None
    if get_origin(plain) is Literal:
        return text  # `check_value` compares it with the choices
    if plain is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise ValueError(f"{name}={text} is not a truth value; write true or false")
    try:
        return plain(text.replace("_", "")) if plain is int else plain(text)
    except ValueError:
        raise ValueError(f"{name}={text} is not {WORDS[plain]}") from None


AnySettings = TypeVar("AnySettings", bound="Settings")


class Settings:
    """A group of settings, a frozen dataclass: it checks itself, changes, and becomes a dict."""

    def __post_init__(self) -> None:
        kinds = get_type_hints(type(self))
        for field in self.fields().values():
            value, allowed = getattr(self, field.name), field.metadata.get("allowed")
            check_value(field.name, value, kinds[field.name], allowed)

    @classmethod
    def fields(cls) -> dict[str, dataclasses.Field]:
        """Return the settings of the group by name, with what each says of itself."""
        return {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls: type[AnySettings], values: Mapping[str, Any]) -> AnySettings:
        """Build from plain values, such as a JSON file holds."""
        return cls().updated(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` takes back."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def updated(self: AnySettings, **changes: Any) -> AnySettings:
        """Return a copy with some settings changed.

        Raises:
            ValueError: a name is misspelt; the nearest right one is named.
        """
        known = [*self.fields()]
        for name in changes:
            if name not in known:
                raise ValueError(f"there is no setting {name!r}; {nearest(name, known)}")
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]
