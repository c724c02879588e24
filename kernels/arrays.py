"""Arrays under names, handed to kernels as one address.

A named tuple of arrays reaches compiled code as seven numbers an array, copied at every call and kept on the stack in
between. A group of arrays is one pointer instead: compiled code loads an array's address and length where it uses them,
and `group.orders[slot]` reads the same with the JIT on and off. Bounds checks still see each array's length.
"""

from ctypes import c_ssize_t
from dataclasses import fields
from typing import Any, ClassVar

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

LENGTH_MAX = (1 << 40) - 1
"""The compiler is told that lengths are from 1 to this, so that it sees which masked indices cannot be negative."""
WORD = ir.IntType(64)


class ArrayGroup:
    """Base of a frozen dataclass of contiguous arrays of one dimension, none of them empty, and other such groups."""

    _address: int
    _numba_type_: "ArrayGroupType"

    def __post_init__(self) -> None:
        """Raises ValueError for an array of another shape."""
        members = [(field.name, getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]
        words = np.array([_words_of(name, member) for name, member in members], np.int64)
        member_types = tuple((name, _type_of(member)) for name, member in members)
        object.__setattr__(self, "_words", words)
        object.__setattr__(self, "_address", words.ctypes.data)
        object.__setattr__(self, "_numba_type_", ArrayGroupType(type(self).__name__, member_types))

    def __reduce__(self) -> Any:
        """A copy has arrays of its own, so its addresses must be found anew."""
        return type(self), tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]


class RecordViews(ArrayGroup):
    """Base of a group whose members are one array of records, each in a layout of its own, which a subclass names.

    A batch of one command is viewed as carefully as one of thousands, so this takes no time: compiled code reads one
    address and one length for all layouts off the array itself, and for Python a view is made when it is asked for.
    Kernels that are given such a group must only write to it if the array may be written to: a read-only one is of the
    same type.
    """

    layouts: ClassVar[dict[str, np.dtype]]
    _size: ClassVar[int]

    def __init_subclass__(cls) -> None:
        """What is the same for all groups of the class."""
        sizes = [layout.itemsize for layout in cls.layouts.values()]
        cls._size = sizes[0]
        assert not any(cls._size % size for size in sizes), "every layout fills the records"
        members = tuple((name, numba.typeof(np.empty(0, layout))) for name, layout in cls.layouts.items())
        parts = tuple(cls._size // size for size in sizes)
        cls._numba_type_ = RecordViewsType(cls.__name__, members, parts)

    def __init__(self, records: np.ndarray) -> None:
        """View records of the size of the first layout. Raises ValueError for an array of another shape."""
        flags = records.flags
        if records.ndim != 1 or not flags.c_contiguous or not flags.aligned or not 0 < len(records) <= LENGTH_MAX:
            raise ValueError("records are a contiguous array of one dimension with something in it")
        if records.itemsize != self._size:
            raise ValueError(f"records are of {self._size} bytes, not {records.itemsize}")
        self._records = records

    def __getattr__(self, name: str) -> np.ndarray:
        """The records in one layout."""
        layout = self.layouts.get(name)
        if layout is None:
            raise AttributeError(name)
        return self._records.view(layout)

    def __reduce__(self) -> Any:
        """A copy has records of its own."""
        return type(self), (self._records,)


_DATA, _DIMENSIONS = 2, 4
"""Which words of an array object hold the addresses of its data and of its lengths: behind its count of references and
its type, and behind the number of its dimensions. numpy tells them too, in twenty times the time."""


def _is_laid_out_so(probe: np.ndarray) -> bool:
    words = (c_ssize_t * (_DIMENSIONS + 1)).from_address(id(probe))
    return words[_DATA] == probe.ctypes.data and c_ssize_t.from_address(words[_DIMENSIONS]).value == len(probe)


assert _is_laid_out_so(np.zeros(3, np.int64)[1:]), "arrays are laid out in another way"


def _words_of(name: str, member: Any) -> tuple[int, int]:
    """Where a member is, and how long."""
    if isinstance(member, ArrayGroup):
        return member._address, 1
    if member.ndim != 1 or not member.flags.c_contiguous or not 0 < len(member) <= LENGTH_MAX:
        raise ValueError(f"{name} is not a contiguous array of one dimension with something in it")
    return member.ctypes.data, len(member)


def _type_of(member: Any) -> types.Type:
    """Kept for every layout seen: to find the type of an array of records takes longer than to run a small batch."""
    if isinstance(member, ArrayGroup):
        return member._numba_type_
    layout = member.dtype, member.flags.writeable, member.flags.aligned
    if layout not in _TYPES:
        _TYPES[layout] = numba.typeof(member)
    return _TYPES[layout]


_TYPES: dict[tuple[np.dtype, bool, bool], types.Type] = {}


class ArrayGroupType(types.Type):
    """What the compiler knows of a group: the names and types of its members."""

    def __init__(self, name: str, members: tuple[tuple[str, types.Type], ...]) -> None:
        self.members = members
        super().__init__(name)

    @property
    def key(self) -> Any:
        """Equal keys mean the same type."""
        return self.name, self.members


class RecordViewsType(ArrayGroupType):
    """The same of views: `parts` says for each layout how many of it there are in a record."""

    def __init__(self, name: str, members: tuple[tuple[str, types.Type], ...], parts: tuple[int, ...]) -> None:
        self.parts = parts
        super().__init__(name, members)


register_model(ArrayGroupType)(models.OpaqueModel)
register_model(RecordViewsType)(models.OpaqueModel)


@typeof_impl.register(ArrayGroup)
def _typeof_group(group: Any, _context: Any) -> ArrayGroupType:
    return group._numba_type_


@unbox(ArrayGroupType)
def _unbox_group(_group_type: ArrayGroupType, group: Any, context: Any) -> NativeValue:
    address = context.pyapi.object_getattr_string(group, "_address")
    pointer = context.pyapi.long_as_voidptr(address)
    context.pyapi.decref(address)
    return NativeValue(pointer, is_error=cgutils.is_not_null(context.builder, context.pyapi.err_occurred()))


@unbox(RecordViewsType)
def _unbox_views(_views_type: RecordViewsType, views: Any, context: Any) -> NativeValue:
    """The two words of the records, read off their array, lie on the stack of whoever calls the kernel."""
    builder = context.builder
    words = cgutils.alloca_once(builder, ir.ArrayType(WORD, 2))
    records = context.pyapi.object_getattr_string(views, "_records")
    with builder.if_then(cgutils.is_not_null(builder, records), likely=True):
        pointer = WORD.as_pointer()
        parts = builder.bitcast(records, pointer)
        data = builder.load(builder.gep(parts, [WORD(_DATA)]))
        lengths = builder.inttoptr(builder.load(builder.gep(parts, [WORD(_DIMENSIONS)])), pointer)
        builder.store(data, cgutils.gep_inbounds(builder, words, 0, 0))
        builder.store(builder.load(lengths), cgutils.gep_inbounds(builder, words, 0, 1))
        context.pyapi.decref(records)
    is_error = cgutils.is_not_null(builder, context.pyapi.err_occurred())
    return NativeValue(builder.bitcast(words, cgutils.voidptr_t), is_error=is_error)


@infer_getattr
class _GroupAttributes(AttributeTemplate):
    key = ArrayGroupType

    def generic_resolve(self, group_type: ArrayGroupType, name: str) -> types.Type | None:
        return dict(group_type.members).get(name)


@lower_getattr_generic(ArrayGroupType)
def _lower_member(context: Any, builder: Any, group_type: ArrayGroupType, group: Any, name: str) -> Any:
    position = [member for member, _ in group_type.members].index(name)
    member_type = group_type.members[position][1]
    if isinstance(member_type, ArrayGroupType):
        return _load_word(builder, group, 2 * position, context.get_value_type(member_type))
    if isinstance(group_type, RecordViewsType):
        return _array_at(context, builder, member_type, group, 0, group_type.parts[position])
    return _array_at(context, builder, member_type, group, 2 * position, 1)


def _array_at(context: Any, builder: Any, array_type: types.Array, group: Any, index: int, parts: int) -> Any:
    """The array whose address and length stand at an index, with so many items for each that is counted there."""
    view = context.make_array(array_type)(context, builder)
    count = _load_word(builder, group, index + 1, WORD)
    count.set_metadata("range", builder.module.add_metadata([WORD(1), WORD(LENGTH_MAX + 1)]))
    length = count if parts == 1 else builder.mul(count, WORD(parts), flags=("nsw", "nuw"))
    view.data = _load_word(builder, group, index, view.data.type)
    view.itemsize = WORD(context.get_abi_sizeof(context.get_data_type(array_type.dtype)))
    view.nitems = length
    view.shape = cgutils.pack_array(builder, [length])
    view.strides = cgutils.pack_array(builder, [view.itemsize])
    return view._getvalue()


def _load_word(builder: Any, group: Any, index: int, value_type: Any) -> Any:
    """An address or a length. None changes during a call, so the optimiser may keep it or load it again."""
    words = builder.bitcast(group, value_type.as_pointer())
    word = builder.load(builder.gep(words, [WORD(index)]))
    word.set_metadata("invariant.load", builder.module.add_metadata([]))
    return word
