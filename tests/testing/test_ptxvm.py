"""The executor of PTX: against hardware where NumPy has the operation, rationals where not, and planted faults."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from langevin_kit.testing.ptxvm import Machine, PTXError
from langevin_kit.testing.ptxvm._fused import fused

HEAD = """
.version 9.0
.target sm_90
.address_size 64
.visible .entry kernel(
    .param .u64 p0, .param .u64 p1, .param .u64 p2, .param .u64 p3, .param .u64 p4, .param .u64 p5, .param .u64 p6
)
{
    .reg .b32 %r<9>;
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.s32 %r4, %r1, %r2, %r3;
    cvt.u64.u32 %rd1, %r4;
    ld.param.u64 %rd2, [p4];
    ld.param.u64 %rd3, [p5];
    setp.ge.u64 %p1, %rd1, %rd3;
    @%p1 bra $L_END;
    shl.b64 %rd4, %rd1, SHIFT;
    add.s64 %rd5, %rd2, %rd4;
BODY
$L_END:
    ret;
}
"""
"""One thread an element of one array, whose address is %rd5."""


def run(body: str, x: NDArray[Any]) -> Machine:
    """Execute a body in blocks of 32 threads, a few more than there are elements."""
    machine = Machine(HEAD.replace("SHIFT", str(x.itemsize.bit_length() - 1)).replace("BODY", body))
    machine.launch(-(-len(x) // 32), 32, x)
    return machine


REGISTERS = {"f32": "%f", "f64": "%fd", "u32": "%r", "s32": "%r", "u64": "%rd"}


def operated(kind: str, lines: str, x: NDArray[Any]) -> NDArray[Any]:
    """What some lines make of register 10, in register 20."""
    register, out = REGISTERS[kind], x.copy()
    run(f"ld.global.{kind} {register}10, [%rd5];\n{lines}\nst.global.{kind} [%rd5], {register}20;", out)
    return out


WORD = np.uint64(32)
FLOATS = st.floats(width=32, allow_nan=False)


@given(st.lists(st.tuples(FLOATS, FLOATS, FLOATS), min_size=1, max_size=20))
def test_a_fused_sum_of_float32_is_rounded_once(rows: list[tuple[float, float, float]]) -> None:
    a, b, c = np.array(rows, np.float32).T
    for i, value in enumerate(fused(a, b, c)):
        if not np.isfinite([a[i], b[i], c[i]]).all():
            continue
        exact = Fraction(float(a[i])) * Fraction(float(b[i])) + Fraction(float(c[i]))
        if not np.isfinite(value):
            assert abs(exact) >= Fraction(float(np.finfo(np.float32).max))
            continue
        with np.errstate(over="ignore"):
            beside = [np.nextafter(value, np.float32(end)) for end in (-np.inf, np.inf)]
        near = [abs(Fraction(float(other)) - exact) for other in beside if np.isfinite(other)]
        assert all(abs(Fraction(float(value)) - exact) <= other for other in near)


@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 3), min_size=1, max_size=20))
def test_a_fused_sum_of_float64_is_rounded_once(rows: list[tuple[float, float, float]]) -> None:
    a, b, c = np.array(rows).T
    for i, value in enumerate(fused(a, b, c)):
        exact = Fraction(a[i]) * Fraction(b[i]) + Fraction(c[i])
        try:
            expected = exact.numerator / exact.denominator
        except OverflowError:
            expected = np.inf if exact > 0 else -np.inf
        assert value == expected or exact == 0


def test_a_product_and_a_sum_are_not_fused() -> None:
    """Control of the two tests above: two roundings give another number."""
    x = np.array([1 + 2.0**-30])
    assert fused(x, x, -(x * x))[0] == 2.0**-60
    assert (x * x - x * x)[0] == 0.0


@pytest.mark.parametrize(
    ("kind", "line", "expected"),
    [
        ("f32", "add.rn.f32 %f20, %f10, 0f3F800000;", lambda x: x + np.float32(1)),
        ("f32", "mul.rn.f32 %f20, %f10, %f10;", lambda x: x * x),
        ("f32", "div.rn.f32 %f20, %f10, 0f40400000;", lambda x: x / np.float32(3)),
        ("f32", "cvt.rmi.f32.f32 %f20, %f10;", np.floor),
        ("f32", "abs.f32 %f20, %f10;\nsqrt.rn.f32 %f20, %f20;", lambda x: np.sqrt(np.abs(x))),
        ("f32", "setp.gt.f32 %p2, %f10, 0f00000000;\nselp.f32 %f20, %f10, 0f00000000, %p2;", lambda x: np.fmax(x, 0)),
        ("f64", "sub.rn.f64 %fd20, 0d3FF0000000000000, %fd10;", lambda x: 1 - x),
        ("u32", "mul.lo.u32 %r20, %r10, -766435501;", lambda x: x * np.uint32(0xD2511F53)),
        ("u32", "mul.hi.u32 %r20, %r10, 3528531795;", lambda x: x.astype(np.uint64) * np.uint64(3528531795) >> WORD),
        ("s32", "shr.s32 %r20, %r10, 40;", lambda x: x >> 31),
        ("u32", "shl.b32 %r20, %r10, 33;", lambda x: 0 * x),
        ("u64", "mov.b64 {%r19, %r20}, %rd10;\nmov.b64 %rd20, {%r20, %r19};", lambda x: x << WORD | x >> WORD),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_operations(kind: str, line: str, expected: Any) -> None:
    dtype = np.dtype({"f": "f", "u": "u", "s": "i"}[kind[0]] + str(int(kind[1:]) // 8))
    bits = np.random.default_rng(0).integers(0, 256, 100 * dtype.itemsize, np.uint8)
    x = bits.view(dtype) if dtype.kind != "f" else np.random.default_rng(0).normal(0, 3, 100).astype(dtype)
    with np.errstate(over="ignore"):
        wanted = np.asarray(expected(x)).astype(dtype)
    np.testing.assert_array_equal(operated(kind, line, x), wanted)


def test_threads_take_their_own_ways() -> None:
    """A loop that each thread leaves at another time: x → x + x·(x + 1)/2 by adding x, x − 1, …, 1."""
    loop = """
    ld.global.u32 %r10, [%rd5];
    mov.u32 %r8, %r10;
$L_LOOP:
    setp.eq.u32 %p2, %r8, 0;
    @%p2 bra $L_OUT;
    add.u32 %r10, %r10, %r8;
    add.u32 %r8, %r8, -1;
    bra $L_LOOP;
$L_OUT:
    st.global.u32 [%rd5], %r10;
    """
    x = np.arange(50, dtype=np.uint32)
    expected = x + x * (x + 1) // 2
    machine = run(loop, x)
    np.testing.assert_array_equal(x, expected)
    assert machine.executed["bra"] > 64


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("st.global.f32 [%rd5+4], 0f00000000;", "is beyond its array of 80 bytes, at byte 80"),
        ("ld.global.f32 %f1, [%rd5+2];\nst.global.f32 [%rd5], %f1;", "is not aligned to 4 bytes"),
        ("st.global.f32 [%rd1], 0f00000000;", "is in no array"),
        ("add.rn.f32 %f2, %f1, %f1;", "%f1 is read before anything was written to it"),
        ("fma.rz.f32 %f2, 0f00000000, 0f00000000, 0f00000000;", "fma.rz.f32: its rounding is not known"),
        ("frobnicate.u32 %r5, %r1;", "frobnicate.u32 is not known"),
        ("bra $L_END2;\n$L_END2: bra $L_END2;", "more than .* instructions"),
    ],
)
def test_faults_are_found(body: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langevin_kit.testing.ptxvm._machine.MOST", 1000)
    with pytest.raises(PTXError, match=said):
        run(body, np.zeros(20, np.float32))


def test_without_its_guard_a_kernel_writes_beyond_the_end() -> None:
    text = HEAD.replace("SHIFT", "2").replace("BODY", "st.global.f32 [%rd5], 0f00000000;")
    Machine(text).launch(1, 32, np.zeros(20, np.float32))
    with pytest.raises(PTXError, match="is beyond its array"):
        Machine(text.replace("@%p1 bra $L_END;", "")).launch(1, 32, np.zeros(20, np.float32))
