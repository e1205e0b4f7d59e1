"""Each instruction against NumPy, or against Python's integers, on random bits and on the corners."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ptx_text import operated, run

from langevin_kit.testing.ptxvm import PTXError

CORNERS = {
    "f": [
        0.0,
        -0.0,
        1.0,
        -1.5,
        2.5,
        np.inf,
        -np.inf,
        np.nan,
        1e-40,
        -1e-40,
        2.0**31,
        -(2.0**31),
        2.0**32,
        2.0**63,
        1e30,
    ],
    "u": [0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 255, 2**15, 2**16 - 1],
    "i": [0, 1, -1, 2, -2, 31, 32, 63, -(2**7), 2**7 - 1, 2**15 - 1, -(2**15)],
}


def numbers(dtype: str, seed: int) -> NDArray[Any]:
    """Random bits, and all corners against each other when the seeds are 0 and 1."""
    kind, size = np.dtype(dtype).kind, np.dtype(dtype).itemsize
    rng = np.random.default_rng(seed)
    corners = np.array(CORNERS[kind] + ([] if kind == "f" else [np.iinfo(dtype).max, np.iinfo(dtype).min]), dtype)
    n = len(corners)
    grid = np.tile(corners, n) if seed == 0 else np.repeat(corners, n) if seed == 1 else rng.choice(corners, n * n)
    bits = rng.integers(0, 256, 100 * size, np.uint8).view(dtype)
    plain = rng.normal(0, 3, 100).astype(dtype) if kind == "f" else rng.integers(0, 70, 100).astype(dtype)
    return np.concatenate([grid, bits, plain])


def python(function: Any, dtype: str) -> Any:
    """A function of Python's integers, whose result is taken modulo 2ⁿ."""
    unsigned, bits = f"u{np.dtype(dtype).itemsize}", 8 * np.dtype(dtype).itemsize

    def applied(*arrays: NDArray[Any]) -> NDArray[Any]:
        rows = [function(*map(int, row)) % 2**bits for row in zip(*arrays, strict=True)]
        return np.array(rows, unsigned).view(dtype)

    return applied


def truncated(x: int, y: int) -> int:
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def remainder(x: int, y: int) -> int:
    return x - truncated(x, y | 1) * (y | 1)


def turned(x: int, y: int, n: int) -> int:
    return ((y << 32 | x) << n) >> 32


def bits_of(x: NDArray[Any]) -> NDArray[Any]:
    return x.view(f"u{x.itemsize}")


def quiet(function: Any) -> Any:
    def applied(*arrays: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            return np.asarray(function(*arrays))

    return applied


def flushed(x: NDArray[Any]) -> NDArray[Any]:
    return np.where(np.abs(x) < np.float32(2.0**-126), np.copysign(np.float32(0), x), x)


def chosen(x: NDArray[Any], y: NDArray[Any], least: bool) -> NDArray[Any]:
    found = (np.fmin if least else np.fmax)(x, y)
    zeros = (x == 0) & (y == 0)
    signs = np.signbit(x) | np.signbit(y) if least else np.signbit(x) & np.signbit(y)
    return np.where(zeros, np.copysign(x.dtype.type(0), np.where(signs, -1, 1)).astype(x.dtype), found)


def saturated(x: NDArray[Any], dtype: str) -> NDArray[Any]:
    limits, bits = np.iinfo(dtype), 8 * np.dtype(dtype).itemsize
    nan = 2 ** (bits - 1) if 8 in (x.itemsize, np.dtype(dtype).itemsize) else 0
    rows = []
    for value in map(float, x):
        if np.isnan(value):
            rows.append(nan)
        elif np.isinf(value):
            rows.append(int(limits.max if value > 0 else limits.min) % 2**bits)
        else:
            rows.append(int(min(max(int(value), int(limits.min)), int(limits.max))) % 2**bits)
    return np.array(rows, f"u{bits // 8}").view(dtype)


def signed_field(x: int, position: int, length: int, bits: int = 32) -> int:
    """By the ISA's own loop: bits of x, above its length the sign."""
    position, length, top = position & 255, length & 255, bits - 1
    sign = 0 if length == 0 else x >> min(position + length - 1, top) & 1
    return sum((x >> (position + i) & 1 if i < length and position + i <= top else sign) << i for i in range(bits))


def unsigned_field(x: int, position: int, length: int, bits: int = 32) -> int:
    position, length = position & 255, length & 255
    return sum((x >> (position + i) & 1) << i for i in range(min(length, bits)) if position + i < bits)


def inserted(x: int, y: int, positions: int, bits: int = 32) -> int:
    """Position and length are bytes 0 and 1 of one number."""
    position, length = positions & 255, positions >> 8 & 255
    for i in range(length):
        if position + i < bits:
            y = y & ~(1 << (position + i)) | (x >> i & 1) << (position + i)
    return y


def permuted(x: int, y: int, selector: int) -> int:
    octets, result = (y << 32 | x).to_bytes(8, "little"), 0
    for i in range(4):
        choice = selector >> 4 * i & 15
        octet = octets[choice & 7]
        result |= ((255 if octet & 128 else 0) if choice & 8 else octet) << 8 * i
    return result


INSERT = "and.b32 %r25, {c}, 255;\nshr.u32 %r26, {c}, 8;\nand.b32 %r26, %r26, 255;\nbfi.b32 {d}, {a}, {b}, %r25, %r26;"
HALF = np.uint64(32)
CASES: list[tuple[str, str, str, Any]] = [
    ("add.s32 {d}, {a}, {b};", "i4 i4", "i4", lambda x, y: x + y),
    ("sub.s64 {d}, {a}, {b};", "i8 i8", "i8", lambda x, y: x - y),
    ("add.s16 {d}, {a}, {b};", "i2 i2", "i2", lambda x, y: x + y),
    ("neg.s32 {d}, {a};", "i4", "i4", lambda x: -x),
    ("abs.s32 {d}, {a};", "i4", "i4", np.abs),
    ("abs.s64 {d}, {a};", "i8", "i8", np.abs),
    ("not.b64 {d}, {a};", "u8", "u8", lambda x: ~x),
    ("and.b32 {d}, {a}, {b};", "u4 u4", "u4", lambda x, y: x & y),
    ("xor.b64 {d}, {a}, {b};", "u8 u8", "u8", lambda x, y: x ^ y),
    ("min.s32 {d}, {a}, {b};", "i4 i4", "i4", np.minimum),
    ("max.u64 {d}, {a}, {b};", "u8 u8", "u8", np.maximum),
    ("mul.lo.s32 {d}, {a}, {b};", "i4 i4", "i4", lambda x, y: x * y),
    ("mul.lo.s64 {d}, {a}, {b};", "i8 i8", "i8", lambda x, y: x * y),
    ("mul.hi.u32 {d}, {a}, {b};", "u4 u4", "u4", python(lambda x, y: x * y >> 32, "u4")),
    ("mul.hi.s32 {d}, {a}, {b};", "i4 i4", "i4", python(lambda x, y: x * y >> 32, "i4")),
    ("mul.hi.u64 {d}, {a}, {b};", "u8 u8", "u8", python(lambda x, y: x * y >> 64, "u8")),
    ("mul.hi.s64 {d}, {a}, {b};", "i8 i8", "i8", python(lambda x, y: x * y >> 64, "i8")),
    ("mul.wide.u32 {d}, {a}, {b};", "u4 u4", "u8", python(lambda x, y: x * y, "u8")),
    ("mul.wide.s32 {d}, {a}, {b};", "i4 i4", "i8", python(lambda x, y: x * y, "i8")),
    ("mul.wide.s16 {d}, {a}, {b};", "i2 i2", "i4", python(lambda x, y: x * y, "i4")),
    ("mad.lo.s64 {d}, {a}, {b}, {c};", "i8 i8 i8", "i8", lambda x, y, z: x * y + z),
    ("mad.wide.u32 {d}, {a}, {b}, {c};", "u4 u4 u8", "u8", python(lambda x, y, z: x * y + z, "u8")),
    ("mad.hi.s32 {d}, {a}, {b}, {c};", "i4 i4 i4", "i4", python(lambda x, y, z: (x * y >> 32) + z, "i4")),
    ("or.b32 {b}, {b}, 1;\ndiv.u32 {d}, {a}, {b};", "u4 u4", "u4", python(lambda x, y: x // (y | 1), "u4")),
    ("or.b64 {b}, {b}, 1;\ndiv.u64 {d}, {a}, {b};", "u8 u8", "u8", python(lambda x, y: x // (y | 1), "u8")),
    ("or.b32 {b}, {b}, 1;\ndiv.s32 {d}, {a}, {b};", "i4 i4", "i4", python(lambda x, y: truncated(x, y | 1), "i4")),
    ("or.b64 {b}, {b}, 1;\ndiv.s64 {d}, {a}, {b};", "i8 i8", "i8", python(lambda x, y: truncated(x, y | 1), "i8")),
    ("or.b64 {b}, {b}, 1;\nrem.s64 {d}, {a}, {b};", "i8 i8", "i8", python(remainder, "i8")),
    ("or.b32 {b}, {b}, 1;\nrem.u32 {d}, {a}, {b};", "u4 u4", "u4", python(lambda x, y: x % (y | 1), "u4")),
    ("shl.b32 {d}, {a}, {b};", "u4 u4", "u4", python(lambda x, n: x << min(n, 64), "u4")),
    ("shl.b64 {d}, {a}, {b};", "u8 u4", "u8", python(lambda x, n: x << min(n, 64), "u8")),
    ("shl.b16 {d}, {a}, {b};", "u2 u4", "u2", python(lambda x, n: x << min(n, 64), "u2")),
    ("shr.u32 {d}, {a}, {b};", "u4 u4", "u4", python(lambda x, n: x >> n, "u4")),
    ("shr.s32 {d}, {a}, {b};", "i4 u4", "i4", python(lambda x, n: x >> n, "i4")),
    ("shr.s64 {d}, {a}, {b};", "i8 u4", "i8", python(lambda x, n: x >> n, "i8")),
    ("shr.s16 {d}, {a}, {b};", "i2 u4", "i2", python(lambda x, n: x >> n, "i2")),
    ("popc.b64 {d}, {a};", "u8", "u4", python(int.bit_count, "u4")),
    ("clz.b32 {d}, {a};", "u4", "u4", python(lambda x: 32 - x.bit_length(), "u4")),
    ("clz.b64 {d}, {a};", "u8", "u4", python(lambda x: 64 - x.bit_length(), "u4")),
    ("brev.b32 {d}, {a};", "u4", "u4", python(lambda x: int(f"{x:032b}"[::-1], 2), "u4")),
    ("bfind.u32 {d}, {a};", "u4", "u4", python(lambda x: x.bit_length() - 1, "u4")),
    ("bfind.s32 {d}, {a};", "i4", "u4", python(lambda x: (x if x >= 0 else ~x).bit_length() - 1, "u4")),
    ("bfind.shiftamt.u32 {d}, {a};", "u4", "u4", python(lambda x: 32 - x.bit_length() if x else -1, "u4")),
    ("bfe.u32 {d}, {a}, {b}, {c};", "u4 u4 u4", "u4", python(unsigned_field, "u4")),
    ("bfe.s32 {d}, {a}, {b}, {c};", "i4 u4 u4", "i4", python(signed_field, "i4")),
    (INSERT, "u4 u4 u4", "u4", python(inserted, "u4")),
    ("prmt.b32 {d}, {a}, {b}, {c};", "u4 u4 u4", "u4", python(permuted, "u4")),
    ("shf.l.wrap.b32 {d}, {a}, {b}, {c};", "u4 u4 u4", "u4", python(lambda x, y, n: turned(x, y, n & 31), "u4")),
    ("shf.r.wrap.b32 {d}, {a}, {b}, {c};", "u4 u4 u4", "u4", python(lambda x, y, n: (y << 32 | x) >> (n & 31), "u4")),
    ("shf.l.clamp.b32 {d}, {a}, {b}, {c};", "u4 u4 u4", "u4", python(lambda x, y, n: turned(x, y, min(n, 32)), "u4")),
    ("lop3.b32 {d}, {a}, {b}, {c}, 0xE8;", "u4 u4 u4", "u4", lambda x, y, z: x & y | x & z | y & z),
    ("lop3.b32 {d}, {a}, {b}, {c}, 0x2A;", "u4 u4 u4", "u4", lambda x, y, z: ~(x & y) & z),
    ("add.rn.f32 {d}, {a}, {b};", "f4 f4", "f4", lambda x, y: x + y),
    ("add.ftz.f32 {d}, {a}, {b};", "f4 f4", "f4", lambda x, y: flushed(flushed(x) + flushed(y))),
    ("mul.rn.f64 {d}, {a}, {b};", "f8 f8", "f8", lambda x, y: x * y),
    ("div.rn.f64 {d}, {a}, {b};", "f8 f8", "f8", lambda x, y: x / y),
    ("rcp.rn.f32 {d}, {a};", "f4", "f4", lambda x: np.float32(1) / x),
    ("sqrt.rn.f64 {d}, {a};", "f8", "f8", np.sqrt),
    ("neg.f32 {d}, {a};", "f4", "f4", lambda x: -x),
    ("abs.f64 {d}, {a};", "f8", "f8", np.abs),
    ("min.f64 {d}, {a}, {b};", "f8 f8", "f8", lambda x, y: chosen(x, y, True)),
    ("max.f32 {d}, {a}, {b};", "f4 f4", "f4", lambda x, y: chosen(x, y, False)),
    ("copysign.f32 {d}, {a}, {b};", "f4 f4", "f4", lambda x, y: np.copysign(y, x)),
    ("div.approx.f32 {d}, {a}, 0f40400000;", "f4", "f4", lambda x: (x.astype("f8") / 3).astype("f4")),
    ("ex2.approx.ftz.f32 {d}, {a};", "f4", "f4", lambda x: flushed(np.exp2(flushed(x).astype("f8")).astype("f4"))),
    ("cvt.rmi.f32.f32 {d}, {a};", "f4", "f4", np.floor),
    ("cvt.rni.f64.f64 {d}, {a};", "f8", "f8", np.rint),
    ("cvt.f64.f32 {d}, {a};", "f4", "f8", lambda x: x.astype("f8")),
    ("cvt.rn.f32.f64 {d}, {a};", "f8", "f4", lambda x: x.astype("f4")),
    ("cvt.rn.f32.s64 {d}, {a};", "i8", "f4", lambda x: np.array([float_of(v) for v in x], "f4")),
    ("cvt.rn.f32.u64 {d}, {a};", "u8", "f4", lambda x: np.array([float_of(v) for v in x], "f4")),
    ("cvt.rn.f64.u32 {d}, {a};", "u4", "f8", lambda x: x.astype("f8")),
    ("cvt.rzi.s32.f32 {d}, {a};", "f4", "i4", lambda x: saturated(x, "i4")),
    ("cvt.rzi.u32.f32 {d}, {a};", "f4", "u4", lambda x: saturated(x, "u4")),
    ("cvt.rzi.s64.f32 {d}, {a};", "f4", "i8", lambda x: saturated(x, "i8")),
    ("cvt.rzi.u64.f64 {d}, {a};", "f8", "u8", lambda x: saturated(x, "u8")),
    ("cvt.rzi.s32.f64 {d}, {a};", "f8", "i4", lambda x: saturated(x, "i4")),
    ("cvt.s64.s32 {d}, {a};", "i4", "i8", lambda x: x.astype("i8")),
    ("cvt.u64.u32 {d}, {a};", "u4", "u8", lambda x: x.astype("u8")),
    ("cvt.u32.u64 {d}, {a};", "u8", "u4", lambda x: x.astype("u4")),
    ("cvt.s32.s8 {d}, {a};", "i4", "i4", lambda x: x.astype("i1").astype("i4")),
    ("cvt.u16.u8 {d}, {a};", "u2", "u2", lambda x: x & 255),
    ("mov.b64 {{%r5, %r6}}, {a};\nmov.b64 {d}, {{%r6, %r5}};", "u8", "u8", lambda x: x << HALF | x >> HALF),
    ("mov.b64 {{_, %r6}}, {a};\nmov.b32 {d}, %r6;", "f8", "u4", lambda x: (bits_of(x) >> HALF).astype("u4")),
    ("mov.b32 {d}, {a};", "f4", "u4", bits_of),
    ("{{\n.reg .b32 %r5;\nmov.b32 %r5, {a};\nmov.b32 {d}, %r5;\n}}", "u4", "u4", lambda x: x),
]  # fmt: skip


def float_of(value: Any) -> Any:
    """An integer as float32, rounded once."""
    size = abs(int(value))
    shift = max(size.bit_length() - 24, 0)
    whole, rest = size >> shift, size & ((1 << shift) - 1)
    half = (1 << shift) >> 1
    whole += shift > 0 and (rest > half or (rest == half and whole & 1 == 1))
    return np.float32(float(whole << shift) * (1 if value >= 0 else -1))


@pytest.mark.parametrize(
    ("line", "sources", "target", "expected"), CASES, ids=[case[0].splitlines()[-1] for case in CASES]
)
def test_operations(line: str, sources: str, target: str, expected: Any) -> None:
    arrays = [numbers(dtype, seed) for seed, dtype in enumerate(sources.split())]
    n = min(map(len, arrays))
    arrays = [x[-n:] for x in arrays]
    wanted = quiet(expected)(*arrays).astype(target)
    found = operated(line, arrays[0], target, *arrays[1:])
    same = bits_of(found) == bits_of(wanted)
    if np.dtype(target).kind == "f":
        same |= np.isnan(found) & np.isnan(wanted)
    assert same.all(), [(*[x[~same][0] for x in arrays], found[~same][0], wanted[~same][0])]


RELATIONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


@pytest.mark.parametrize("relation", [*RELATIONS, *[f"{name}u" for name in RELATIONS], "num", "nan"])
def test_comparisons_of_floats(relation: str) -> None:
    """With u at the end a comparison holds for NaN, else not, "ne" included."""
    x, y = numbers("f4", 0), numbers("f4", 1)
    nan = np.isnan(x) | np.isnan(y)
    if relation in ("num", "nan"):
        wanted = nan if relation == "nan" else ~nan
    else:
        wanted = RELATIONS[relation[:2]](x, y)
        wanted = wanted | nan if relation.endswith("u") else wanted & ~nan
    found = operated(f"setp.{relation}.f32 %p1, {{a}}, {{b}};\nselp.u32 {{d}}, 1, 0, %p1;", x, "u4", y)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(("name", "relation"), [*[(name, name) for name in RELATIONS], *[("lo", "lt"), ("hs", "ge")]])
@pytest.mark.parametrize("dtype", ["i4", "u4", "i8", "u8"])
def test_comparisons_of_integers(name: str, relation: str, dtype: str) -> None:
    x, y = numbers(dtype, 0), numbers(dtype, 1)
    kind = f"{'s' if dtype[0] == 'i' else 'u'}{8 * int(dtype[1])}"
    joined = (
        "setp.ne.u32 %p2, %r4, 5;\n" + f"setp.{name}.and.{kind} %p1, {{a}}, {{b}}, %p2;\nselp.u32 {{d}}, 1, 0, %p1;"
    )
    wanted = RELATIONS[relation](x, y)
    wanted[5] = False
    np.testing.assert_array_equal(operated(joined, x, "u4", y), wanted)


@pytest.mark.parametrize("property_", ["finite", "infinite", "number", "notanumber", "normal", "subnormal"])
def test_properties_of_floats(property_: str) -> None:
    x = numbers("f4", 0)
    size, tiny = np.abs(x), np.float32(2.0**-126)
    wanted = {
        "finite": np.isfinite(x),
        "infinite": np.isinf(x),
        "number": ~np.isnan(x),
        "notanumber": np.isnan(x),
        "normal": np.isfinite(x) & (size >= tiny),
        "subnormal": (size > 0) & (size < tiny),
    }[property_]
    found = operated(f"testp.{property_}.f32 %p1, {{a}};\nselp.u32 {{d}}, 1, 0, %p1;", x, "u4")
    np.testing.assert_array_equal(found, wanted)


def test_loads_and_stores_of_bytes_keep_the_sign() -> None:
    x = np.arange(-40, 40, dtype=np.int8)
    run("ld.global.s8 %rs1, [%rd5];\ncvt.s32.s16 %r5, %rs1;\nmul.lo.s32 %r5, %r5, 3;\nst.global.u8 [%rd5], %r5;", x)
    np.testing.assert_array_equal(x, (np.arange(-40, 40) * 3).astype(np.int8))


def test_vectors_of_numbers() -> None:
    x = np.arange(64, dtype=np.float32)
    body = "shl.b64 %rd6, %rd1, 3;\nadd.s64 %rd6, %rd2, %rd6;\nsetp.ge.u64 %p2, %rd1, 32;\n@%p2 bra $L_END;\n"
    run(body + "ld.global.v2.f32 {%f1, %f2}, [%rd6];\nst.global.v2.f32 [%rd6], {%f2, %f1};", x)
    np.testing.assert_array_equal(x.reshape(-1, 2), np.arange(64).reshape(-1, 2)[:, ::-1])


def test_division_by_zero_is_a_fault() -> None:
    with pytest.raises(PTXError, match=r"div\.s32 divides by zero"):
        operated("div.s32 {d}, {a}, {b};", np.array([3, 4], "i4"), "i4", np.array([1, 0], "i4"))


def test_a_predicated_instruction_is_of_some_threads() -> None:
    x = np.arange(50, dtype=np.uint32)
    body = "ld.global.u32 %r10, [%rd5];\nand.b32 %r11, %r10, 1;\nsetp.eq.u32 %p2, %r11, 0;\n"
    machine = run(
        body + "@%p2 add.u32 %r10, %r10, 100;\n@!%p2 st.global.u32 [%rd5], 7;\n@%p2 st.global.u32 [%rd5], %r10;", x
    )
    y = np.arange(50)
    np.testing.assert_array_equal(x, np.where(y % 2 == 0, y + 100, 7))
    assert machine.executed["add.u32"] == 25


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
    assert machine.executed["bra"] == 14 + 50 + 49 * 25
    assert machine.executed["add.u32"] == 2 * 49 * 25
