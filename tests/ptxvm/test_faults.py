"""Planted faults, each of which the executor must name; the same kernel without the fault passes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ptx_text import GUARD, run, text

from langevin_kit.testing.ptxvm import Machine, PTXError

SHARED = ".shared .align 4 .b8 tile[128];\n.shared .align 4 .b8 other[128];"
"""Room for 32 numbers of 4 bytes, twice."""

REVERSED = """
    mov.u64 %rd10, tile;
    shl.b32 %r10, %r3, 2;
    cvt.u64.u32 %rd11, %r10;
    add.s64 %rd12, %rd10, %rd11;
    sub.s64 %rd13, %rd10, %rd11;
    ld.global.f32 %f1, [%rd5];
    st.shared.f32 [%rd12], %f1;
    bar.sync 0;
    ld.shared.f32 %f2, [%rd13+124];
    st.global.f32 [%rd5], %f2;
"""
"""Each block of 32 turns its part of an array round."""


def numbers(n: int) -> NDArray[np.float32]:
    return np.arange(1, n + 1, dtype=np.float32)


def reverse(body: str, **options: Any) -> NDArray[np.float32]:
    x = numbers(64)
    run(body, x, shared=SHARED, **options)
    return x


def test_a_block_shares_memory() -> None:
    """The kernel that the tests below break; blocks have memories of their own."""
    np.testing.assert_array_equal(reverse(REVERSED), numbers(64).reshape(2, 32)[:, ::-1].ravel())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    bar.sync 0;\n", "", "race in shared memory: .*have no barrier between|shared memory that nothing was"),
        ("st.shared.f32 [%rd12]", "st.shared.f32 [%rd12+4]", "beyond its array of 128 bytes, at byte 128 of tile"),
        ("[%rd13+124]", "[%rd13+120]", "beyond its array of 128 bytes, at byte -4 of tile"),
        ("[%rd13+124]", "[%rd13+126]", "is not aligned to 4 bytes in tile"),
        ("mov.u64 %rd10, tile;", "mov.u64 %rd10, 64;", "is in no array"),
        ("st.shared.f32 [%rd12], %f1;", "", "reads shared memory that nothing was written to: byte .* of tile"),
        ("st.shared.f32 [%rd12], %f1;", "st.shared.f32 [%rd10], %f1;", "race in shared memory: .*a write of byte 0"),
        (
            "bar.sync 0;",
            "setp.lt.u32 %p2, %r3, 16;\n@%p2 bra $L_A;\nbar.sync 0;\nbra $L_B;\n$L_A:\nbar.sync 0;\n$L_B:",
            "divergent barrier: threads of block 0 wait at different ones, a deadlock",
        ),
        ("bar.sync 0;", "setp.eq.u32 %p2, %r3, 9;\n@%p2 bra $L_END;\nbar.sync 0;", "31 threads of .* and 1 have left"),
        ("ld.global.f32 %f1, [%rd5];", "", "%f1 is read before anything was written to it"),
        ("st.shared.f32", "st.local.f32", "st.local.f32 is not known"),
    ],
)  # fmt: skip
def test_faults_of_a_block_are_found(old: str, new: str, said: str) -> None:
    assert old in REVERSED
    with pytest.raises(PTXError, match=said):
        reverse(REVERSED.replace(old, new))


@pytest.mark.parametrize("branch", ["@%p2 bar.sync 0;", "@!%p2 bra $L_A;\nbar.sync 0;\n$L_A:"])
def test_a_divergent_barrier_is_found(branch: str) -> None:
    """Nothing else is wrong: each thread reads what it wrote itself."""
    alone = REVERSED.replace("[%rd13+124]", "[%rd12]")
    np.testing.assert_array_equal(reverse(alone), numbers(64))
    with pytest.raises(PTXError, match="divergent barrier: 16 threads of block 0 wait, and 16 have left"):
        reverse(alone.replace("bar.sync 0;", f"setp.lt.u32 %p2, %r3, 16;\n{branch}"))


def test_a_shared_array_too_small_is_found() -> None:
    with pytest.raises(PTXError, match="beyond its array of 124 bytes, at byte 124 of tile"):
        run(REVERSED, numbers(64), shared=SHARED.replace("tile[128]", "tile[124]"))


def test_a_ragged_end_behind_a_barrier_is_found() -> None:
    """Threads beyond the end must not leave before a barrier of their block."""
    with pytest.raises(PTXError, match="divergent barrier: 8 threads of block 1 wait, and 24 have left"):
        run(REVERSED, numbers(40), shared=SHARED)


def test_a_write_behind_a_read_needs_a_barrier() -> None:
    again = REVERSED.replace("ld.shared.f32 %f2", "BARRIER\nst.shared.f32 [%rd12], %f1;\nld.shared.f32 %f2")
    read = again.replace("BARRIER", "ld.shared.f32 %f3, [%rd13+124];\nBARRIER")
    with pytest.raises(PTXError, match=r"race in shared memory: st\.shared.f32, a write .* a read by another thread"):
        reverse(read.replace("BARRIER", ""))
    with pytest.raises(PTXError, match=r"race in shared memory: ld\.shared.f32, a read .* a write by another thread"):
        reverse(read.replace("BARRIER", "bar.sync 0;"))
    reverse(read.replace("BARRIER", "bar.sync 0;").replace("ld.shared.f32 %f2", "bar.sync 0;\nld.shared.f32 %f2"))


def test_generic_addresses_reach_both_memories() -> None:
    generic = REVERSED.replace("mov.u64 %rd10, tile;", "mov.u64 %rd9, tile;\ncvta.shared.u64 %rd10, %rd9;")
    generic = re.sub(r"(ld|st)\.(shared|global)\.f32", r"\1.f32", generic)
    np.testing.assert_array_equal(reverse(generic), numbers(64).reshape(2, 32)[:, ::-1].ravel())
    with pytest.raises(PTXError, match="beyond its array of 128 bytes"):
        reverse(generic.replace("+124", "+128"))


NEIGHBOUR = "setp.eq.u64 %p2, %rd1, LAST;\n@%p2 bra $L_END;\nld.global.f32 %f1, [%rd5+4];\nst.global.f32 [%rd5], %f1;"


@pytest.mark.parametrize("block", [8, 64])
def test_a_race_in_global_memory_is_found(block: int) -> None:
    """x[i] = x[i + 1]: between blocks, and within one, whichever comes first."""
    with pytest.raises(PTXError, match=r"race in global memory: .*of array 0"):
        run(NEIGHBOUR.replace("LAST", "63"), numbers(64), block=block)


def test_a_barrier_orders_global_memory_within_a_block_only() -> None:
    body = NEIGHBOUR.replace("setp.eq.u64 %p2, %rd1, LAST;\n@%p2 bra $L_END;", "").replace("st.", "bar.sync 0;\nst.")
    body = body.replace("[%rd5+4]", "[%rd6]")
    inside = "xor.b64 %rd6, %rd4, 4;\nadd.s64 %rd6, %rd2, %rd6;\n"
    x = numbers(64)
    run(inside + body, x, block=64)
    np.testing.assert_array_equal(x.reshape(-1, 2), numbers(64).reshape(-1, 2)[:, ::-1])
    across = "xor.b64 %rd6, %rd4, 128;\nadd.s64 %rd6, %rd2, %rd6;\n"
    run(across + body, numbers(64), block=64)
    with pytest.raises(PTXError, match="race in global memory"):
        run(across + body, numbers(64), block=32)


def test_a_write_behind_reads_of_several_blocks_is_a_race() -> None:
    """Of thread 63, whose own block passed a barrier since."""
    read = "ld.global.f32 %f1, [%rd2];\nbar.sync 0;\n"
    write = "setp.ne.u64 %p2, %rd1, LAST;\n@%p2 bra $L_END;\nst.global.f32 [%rd2], %f1;"
    run(read + write.replace("LAST", "31"), numbers(32))
    for last in ("31", "63"):
        with pytest.raises(PTXError, match=r"race in global memory: st\.global\.f32, a write of byte 0 of array 0"):
            run(read + write.replace("LAST", last), numbers(64))


def test_a_race_of_a_later_turn_of_a_loop_is_found() -> None:
    """The second time a load reads what a neighbour has just written."""
    loop = """
    xor.b64 %rd6, %rd4, 4;
    add.s64 %rd6, %rd2, %rd6;
    mov.u32 %r10, 0;
$L_LOOP:
    ld.global.f32 %f1, [%rd6];
    setp.eq.u32 %p2, %r10, 1;
    @%p2 bra $L_OUT;
    bar.sync 0;
    st.global.f32 [%rd5], %f1;
    BARRIER
    add.u32 %r10, %r10, 1;
    bra $L_LOOP;
$L_OUT:
    """
    run(loop.replace("BARRIER", "bar.sync 0;"), numbers(32))
    with pytest.raises(PTXError, match=r"race in global memory: ld\.global\.f32, a read .* a write by another"):
        run(loop.replace("BARRIER", ""), numbers(32))


def test_a_read_of_a_later_turn_of_a_loop_is_remembered() -> None:
    """One thread a turn reads one number, which the first of them then writes to."""
    loop = "mov.u32 %r10, 0;\n$L_LOOP:\nsetp.ne.u32 %p2, %r3, %r10;\n@%p2 bra $L_NEXT;\nld.global.f32 %f1, [%rd2];\n"
    loop += "$L_NEXT:\nadd.u32 %r10, %r10, 1;\nsetp.lt.u32 %p3, %r10, TURNS;\n@%p3 bra $L_LOOP;\n"
    loop += "setp.ne.u32 %p2, %r3, 0;\n@%p2 bra $L_END;\nst.global.f32 [%rd2], 0f00000000;"
    run(loop.replace("TURNS", "1"), numbers(32))
    with pytest.raises(PTXError, match=r"race in global memory: st\.global\.f32, a write .* a read by another"):
        run(loop.replace("TURNS", "2"), numbers(32))


def test_a_load_in_a_loop_reads_anew() -> None:
    """Along the array, by all threads; and by other threads each turn, from one place."""
    turn = "mov.f32 %f2, 0f00000000;\nmov.u64 %rd6, %rd2;\nmov.u32 %r10, 0;\n$L_LOOP:\nBODY\nadd.u32 %r10, %r10, 1;\n"
    turn += "setp.lt.u32 %p3, %r10, 4;\n@%p3 bra $L_LOOP;\nbar.sync 0;\nst.global.f32 [%rd5], %f2;"
    along = "ld.global.f32 %f1, [%rd6];\nadd.rn.f32 %f2, %f2, %f1;\nadd.s64 %rd6, %rd6, 4;"
    x = numbers(32)
    run(turn.replace("BODY", along), x)
    np.testing.assert_array_equal(x, 1 + 2 + 3 + 4)
    others = "and.b32 %r11, %r3, 3;\nsetp.ne.u32 %p2, %r11, %r10;\n@%p2 bra $L_NEXT;\n"
    others += "ld.global.f32 %f1, [%rd2];\nadd.rn.f32 %f2, %f2, %f1;\n$L_NEXT:"
    x = numbers(32) + 6
    run(turn.replace("BODY", others), x)
    np.testing.assert_array_equal(x, 7)


def test_two_threads_must_not_write_one_number() -> None:
    with pytest.raises(PTXError, match=r"race in global memory: st.global.f32, a write of byte 0 of array 0"):
        run("st.global.f32 [%rd2], 0f3F800000;", numbers(8))


@pytest.mark.parametrize("operation", ["add", "min", "max"])
@pytest.mark.parametrize("kind", ["u32", "s32", "u64", "s64"])
def test_atomics_of_integers(kind: str, operation: str) -> None:
    register, dtype = ("%rd", 8) if kind.endswith("64") else ("%r", 4)
    x = np.random.default_rng(0).integers(0, 2**30, 60).astype(f"{'u' if kind[0] == 'u' else 'i'}{dtype}")
    if kind[0] == "s":
        x -= 2**29
    expected = {"add": x[0] + x[1:].sum(dtype=x.dtype), "min": x.min(), "max": x.max()}[operation]
    skip = "setp.eq.u64 %p2, %rd1, 0;\n@%p2 bra $L_END;\n"
    load = f"ld.global.{kind} {register}10, [%rd5];\n"
    for instruction in (f"atom.global.{operation}.{kind} {register}11,", f"red.global.{operation}.{kind}"):
        y = x.copy()
        run(f"{skip}{load}{instruction} [%rd2], {register}10;", y)
        assert y[0] == expected
        np.testing.assert_array_equal(y[1:], x[1:])


def test_atomics_return_what_was_there() -> None:
    x = np.zeros(40, np.uint32)
    body = "mov.u64 %rd10, tile;\nsetp.ne.u32 %p2, %r3, 0;\n"
    body += "@%p2 bra $L_ON;\nst.shared.u32 [%rd10], 5;\n$L_ON:\nbar.sync 0;\n"
    run(body + "atom.shared.add.u32 %r10, [%rd10], 3;\nst.global.u32 [%rd5], %r10;", x, block=40, shared=SHARED)
    np.testing.assert_array_equal(np.sort(x), 5 + 3 * np.arange(40))
    with pytest.raises(PTXError, match=r"race in shared memory: atom.shared.add.u32, an atomic|nothing was written to"):
        run(body.replace("bar.sync 0;", "") + "atom.shared.add.u32 %r10, [%rd10], 3;", x, block=40, shared=SHARED)


def test_an_atomic_and_a_read_are_a_race() -> None:
    body = "red.global.add.u32 [%rd2], 1;\nBARRIER\nld.global.u32 %r10, [%rd2];"
    run(body.replace("BARRIER", "bar.sync 0;"), np.zeros(32, np.uint32))
    with pytest.raises(PTXError, match=r"race in global memory: ld.global.u32, a read .* an atomic by another thread"):
        run(body.replace("BARRIER", ""), np.zeros(32, np.uint32))


@pytest.mark.parametrize(
    "line",
    ["atom.global.add.f32 %f1, [%rd2], 0f3F800000;", "red.global.add.f64 [%rd2], 0d3FF0000000000000;"],
)
def test_an_atomic_on_floats_is_refused(line: str) -> None:
    with pytest.raises(PTXError, match=r"an atomic sum of floats has no fixed order, so results would not repeat"):
        run(line, np.zeros(8, np.float64))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("st.global.f32 [%rd5+4], 0f00000000;", "is beyond its array of 80 bytes, at byte 80 of array 0"),
        ("ld.global.f32 %f1, [%rd5+2];\nst.global.f32 [%rd5], %f1;", "is not aligned to 4 bytes"),
        ("st.global.f32 [%rd1], 0f00000000;", "is in no array"),
        ("add.rn.f32 %f2, %f1, %f1;", "%f1 is read before anything was written to it"),
        ("setp.lt.u32 %p2, %r3, 9;\n@%p2 mov.u32 %r9, 1;\nadd.u32 %r8, %r9, 1;", "%r9 is read before anything was"),
        ("@%p3 add.u32 %r8, %r3, 1;", "%p3 is read before anything was written to it"),
        ("fma.rz.f32 %f2, 0f00000000, 0f00000000, 0f00000000;", "fma.rz.f32 is not known: rz"),
        ("add.sat.f32 %f2, 0f00000000, 0f00000000;", "add.sat.f32 is not known: sat"),
        ("cvt.u32.f32 %r8, 0f00000000;", "cvt.u32.f32: its rounding is not known"),
        ("frobnicate.u32 %r5, %r1;", "frobnicate.u32 is not known"),
        ("mov.u32 %r5, %laneid;", "the register %laneid is not known"),
        ("mov.u32 %r30, 1;", "the register %r30 is not known"),
        ("add.f64 %fd1, %f1, %f1;", "%f1, a register of 32 bits, is read as float64"),
        ("mov.u64 %r5, %rd1;", "%r5, a register of 32 bits, is written as b64"),
        ("atom.global.cas.b32 %r5, [%rd2], 0, 1;", "atom.global.cas.b32 is not known"),
        ("bra $L_END2;\n$L_END2: bra $L_END2;", "more than 1000 instructions"),
        ("bra $L_NOWHERE;", r"the label \$L_NOWHERE is not known"),
    ],
)  # fmt: skip
def test_faults_are_found(body: str, said: str) -> None:
    with pytest.raises(PTXError, match=said):
        run(body, np.zeros(20, np.float32))


TABLE = (
    ".const .align 4 .b8 table[12] = {0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64};\n.const .align 1 .b8 more[1] = {7};"
)
"""1, 2 and 3 in float32."""


@pytest.mark.parametrize(
    "load",
    [
        "mov.u64 %rd6, table;\nadd.s64 %rd6, %rd6, 4;\nld.const.f32 %f1, [%rd6];",
        "ld.const.f32 %f1, [table+4];",
        "mov.u64 %rd6, table;\ncvta.const.u64 %rd6, %rd6;\nld.f32 %f1, [%rd6+4];",
        "mov.u64 %rd6, table;\ncvta.const.u64 %rd6, %rd6;\ncvta.to.const.u64 %rd6, %rd6;\nld.const.f32 %f1, [%rd6+4];",
    ],
)
def test_constants_are_read(load: str) -> None:
    x = np.zeros(20, np.float32)
    machine = run(f"{load}\nst.global.f32 [%rd5], %f1;", x, shared=TABLE)
    assert (x == 2).all()
    assert machine.sectors == 3, "of the store alone"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("ld.const.f32 %f1, [table+12];", "is beyond its array of 12 bytes, at byte 12 of table"),
        ("ld.const.f32 %f1, [more];", "is beyond its array of 1 bytes"),
        ("mov.u64 %rd6, table;\ncvta.const.u64 %rd6, %rd6;\nst.f32 [%rd6], 0f00000000;", "writes to constant memory"),
        ("mov.u64 %rd6, table;\nld.f32 %f1, [%rd6];", "is in no array"),
    ],
)
def test_faults_of_constants(body: str, said: str) -> None:
    with pytest.raises(PTXError, match=said):
        run(body, np.zeros(20, np.float32), shared=TABLE)


@pytest.mark.parametrize("line", [".local .align 4 .b8 stack[16];", ".extern .shared .align 4 .b8 any[];"])
def test_other_memory_is_refused(line: str) -> None:
    with pytest.raises(PTXError, match="memory that is neither global, constant nor static and shared"):
        Machine(text(line))


def test_without_its_guard_a_kernel_writes_beyond_the_end() -> None:
    x = np.zeros(20, np.float32)
    run("st.global.f32 [%rd5], 0f3F800000;", x)
    assert x.all()
    with pytest.raises(PTXError, match="is beyond its array"):
        run("st.global.f32 [%rd5], 0f3F800000;", x, guard=GUARD.splitlines()[0])


@pytest.mark.parametrize(("stride", "expected"), [(1, 4.0), (2, 8.0), (8, 32.0), (0, 1.0)])
def test_sectors_tell_how_accesses_coalesce(stride: int, expected: float) -> None:
    body = f"mul.lo.u64 %rd6, %rd1, {4 * stride};\nadd.s64 %rd6, %rd2, %rd6;\nld.global.f32 %f1, [%rd6];"
    machine = Machine(text(body, guard=""))
    machine.launch(2, 64, np.zeros(1024, np.float32))
    assert machine.sectors == expected


def test_a_machine_launches_again_as_if_it_were_new() -> None:
    """On other arrays, of another length; what the first launch wrote is not there, and what it touched is no race."""
    machine = Machine(text(REVERSED, shared=SHARED))
    for n in (64, 96, 64):
        x = numbers(n)
        machine.launch(n // 32, 32, x)
        np.testing.assert_array_equal(x, numbers(n).reshape(-1, 32)[:, ::-1].ravel())
    assert machine.executed["bar.sync"] == 64 + 96 + 64
    some = "setp.ne.u64 %p2, %rd3, 64;\n@%p2 bra $L_ON;\nsetp.ne.u64 %p3, %rd1, 0;\nmov.u32 %r9, 1;\n"
    some += "@!%p3 st.shared.u32 [tile], 1;\n$L_ON:\nbar.sync 0;\n"
    for read in ("add.u32 %r8, %r9, 1;", "ld.shared.u32 %r8, [tile];"):
        machine = Machine(text(some + read, shared=SHARED))
        machine.launch(1, 64, numbers(64))
        with pytest.raises(PTXError, match=r"nothing was written to|before anything was written to it"):
            machine.launch(1, 64, numbers(68))
