"""Whatever a msgspec Struct may hold, for tests that encode and decode it."""

import types
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from hypothesis import strategies as st

PLAIN = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(),
    types.NoneType: st.none(),
    msgspec.UnsetType: st.just(msgspec.UNSET),
}
PLAIN[Any] = st.one_of(PLAIN[bool], PLAIN[int], PLAIN[float], PLAIN[str])


def values(of: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for whatever a field of this type may hold."""
    args = get_args(of)
    if of in PLAIN:
        return PLAIN[of]
    if isinstance(of, type) and issubclass(of, msgspec.Struct):
        return st.builds(of, **{f.name: values(f.type) for f in msgspec.structs.fields(of)})
    if isinstance(of, type) and issubclass(of, Enum):
        return st.sampled_from(of)
    match get_origin(of):
        case form if form is Annotated:
            return _within(*args)
        case form if form is Literal:
            return st.sampled_from(args)
        case form if form is list:
            return st.lists(values(args[0]), max_size=2)
        case form if form is tuple and args[-1] is Ellipsis:
            return st.lists(values(args[0]), max_size=2).map(tuple)
        case form if form is tuple:
            return st.tuples(*map(values, args))
        case form if form in {dict, Mapping}:
            return st.dictionaries(values(args[0]), values(args[1]), max_size=2)
    return st.one_of(*map(values, args))


def _within(of: Any, meta: msgspec.Meta) -> st.SearchStrategy[Any]:
    """Return what is within its bounds."""
    if of is str and meta.pattern:
        found = st.from_regex(meta.pattern, fullmatch=True)
        return found.filter(lambda text: len(text) <= (meta.max_length or 100))
    if of is str:
        return st.text(min_size=meta.min_length or 0, max_size=meta.max_length)
    if of in {int, float}:
        most = meta.le if meta.le is not None else 2**53
        return st.floats(meta.ge, most) if of is float else st.integers(int(meta.ge or 0), int(most))
    return values(of)
