"""What the compiler may take for granted of records: which of them never lie in the same place.

Compiled code sees only addresses. After it has written to an event it would load everything that it knows of the book
again, because the event might have been a part of it. C has a rule for this, that memory of one type is not reached
through another; LLVM calls it type-based alias analysis, and numba does not use it. So fields of records are loaded
and stored here as numba does it, with a note of what they are:

- Records of the common size that begin with their kind are messages. A batch and an event buffer are seen through many
  layouts, so any field of one may be in the place of a field of another.
- Any other record is only ever seen through its own layout, and no two of its fields are in one place.

Whatever carries no note, like the items of arrays of numbers, may be anywhere.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_getattr_generic, lower_setattr_generic
from numba.np.arrayobj import record_getattr, record_setattr

from kernels.records import RECORD_BYTES

KIND = "kind"
START = ir.Constant(ir.IntType(64), 0)


@lower_getattr_generic(types.Record)
def _load_field(context: Any, builder: Any, record: types.Record, target: Any, name: str) -> Any:
    field = record.typeof(name)
    if not isinstance(field, types.Integer):
        return record_getattr(context, builder, record, target, name)
    value = builder.load(_address_of(context, builder, record, target, name), align=_alignment_of(record, field))
    value.set_metadata("tbaa", _note_of(builder.module, record, name))
    return value


@lower_setattr_generic(types.Record)
def _store_field(context: Any, builder: Any, signature: Any, arguments: Any, name: str) -> Any:
    record, given = signature.args
    field = record.typeof(name)
    if not isinstance(field, types.Integer):
        return record_setattr(context, builder, signature, arguments, name)
    target, value = arguments
    value = context.cast(builder, value, given, field)
    address = _address_of(context, builder, record, target, name)
    stored = builder.store(value, address, align=_alignment_of(record, field))
    stored.set_metadata("tbaa", _note_of(builder.module, record, name))
    return None


def _address_of(context: Any, builder: Any, record: types.Record, target: Any, name: str) -> Any:
    data_type = context.get_data_type(record.typeof(name))
    return cgutils.get_record_member(builder, target, record.offset(name), data_type)


def _alignment_of(record: types.Record, field: types.Integer) -> int:
    return field.bitwidth // 8 if record.aligned else 1


def _note_of(module: Any, record: types.Record, name: str) -> Any:
    """Two accesses with different notes never meet: see LLVM's reference of `tbaa` metadata."""
    is_message = record.size == RECORD_BYTES and KIND in record.fields and record.offset(KIND) == 0
    place = "message" if is_message else f"{record.name}.{name}"
    root = module.add_metadata([ir.MetaDataString(module, "fields of records")])
    kind = module.add_metadata([ir.MetaDataString(module, place), root, START])
    return module.add_metadata([kind, kind, START])
