"""PTX by hand: one thread an element of one array, or a block with shared memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm import Machine

_HEAD = """
.version 9.0
.target sm_90
.address_size 64
SHARED
.visible .entry kernel(
    .param .u64 p0, .param .u64 p1, .param .u64 p2, .param .u64 p3, .param .u64 p4, .param .u64 p5, .param .u64 p6
)
{
    .reg .pred %p<9>;
    .reg .b16 %rs<29>;
    .reg .b32 %r<29>;
    .reg .b64 %rd<29>;
    .reg .f32 %f<29>;
    .reg .f64 %fd<29>;
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.s32 %r4, %r1, %r2, %r3;
    cvt.u64.u32 %rd1, %r4;
    ld.param.u64 %rd2, [p4];
    ld.param.u64 %rd3, [p5];
    GUARD
    shl.b64 %rd4, %rd1, SHIFT;
    add.s64 %rd5, %rd2, %rd4;
BODY
$L_END:
    ret;
}
"""
GUARD = "setp.ge.u64 %p1, %rd1, %rd3;\n@%p1 bra $L_END;"
REGISTERS = {
    "f32": "%f",
    "f64": "%fd",
    "u16": "%rs",
    "s16": "%rs",
    "u32": "%r",
    "s32": "%r",
    "u64": "%rd",
    "s64": "%rd",
}


def text(body: str, itemsize: int = 4, *, shared: str = "", guard: str = GUARD) -> str:
    """A kernel: %r3 is the thread in its block, %rd1 in the grid, %rd2 the array's address, %rd5 its element's."""
    parts = {"SHARED": shared, "GUARD": guard, "SHIFT": str(itemsize.bit_length() - 1), "BODY": body}
    made = _HEAD
    for name, part in parts.items():
        made = made.replace(name, part)
    return made


def run(body: str, x: NDArray[Any], *, block: int = 32, most: int = 1000, **options: str) -> Machine:
    """Execute a body in blocks, with a few threads more than there are elements."""
    machine = Machine(text(body, x.itemsize, **options))
    machine.launch(-(-len(x) // block), block, x, most=most)
    return machine


def operated(line: str, source: NDArray[Any], target: Any, *more: NDArray[Any], perturb: Any = None) -> NDArray[Any]:
    """What a line makes of registers 10, 11, … in register 20, whose kinds are those of arrays; {d}, {a}, {b}, …"""
    arrays = [source, *more, np.zeros(len(source), target)]
    kinds = [f"{ {'u': 'u', 'i': 's', 'f': 'f'}[x.dtype.kind] }{8 * x.itemsize}" for x in arrays]
    names = [
        f"{REGISTERS[kind]}{number}" for kind, number in zip(kinds, [*range(10, 10 + len(arrays) - 1), 20], strict=True)
    ]
    parameters = ", ".join(f".param .u64 p{i}" for i in range(7 * len(arrays)))
    loads, last = [], len(arrays) - 1
    for i, x in enumerate(arrays):
        loads += [
            f"ld.param.u64 %rd2{i}, [p{7 * i + 4}];\nshl.b64 %rd4, %rd1, {x.itemsize.bit_length() - 1};",
            f"add.s64 %rd2{i}, %rd2{i}, %rd4;",
            *([f"ld.global.{kinds[i]} {names[i]}, [%rd2{i}];"] if i < last else []),
        ]
    named = dict(zip("abcd", [*names[:-1], *[""] * (4 - len(names)), names[-1]], strict=True))
    body = "\n".join([*loads, line.format(**named), f"st.global.{kinds[-1]} [%rd2{last}], {names[-1]};"])
    made = text(body, source.itemsize)
    head, _, tail = made.partition("(\n")
    machine = Machine(f"{head}(\n{parameters}\n)\n{{{tail.partition('{')[2]}", perturb=perturb)
    machine.launch(-(-len(source) // 32), 32, *arrays)
    return arrays[-1]
