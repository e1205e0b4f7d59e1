"""The counts of machine code: on listings whose answer is plain, and on kernels with planted faults.

The second half needs the extra `cuda-check`. Skipped without it, failed without it when LANGEVIN_REQUIRE_CUDA_CHECK=1.
"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from langevin_kit.testing.sass import Assembled, assemble, hot_loop, instruction_bound, loop_with


def _tools() -> bool:
    try:
        return all(map(distribution, ("nvidia-cuda-nvcc", "nvidia-cuda-nvdisasm")))
    except PackageNotFoundError:
        if os.environ.get("LANGEVIN_REQUIRE_CUDA_CHECK") == "1":
            raise
        return False


needs_tools = pytest.mark.skipif(not _tools(), reason="no assembler: install the extra cuda-check")
CAPABILITIES = [(8, 0), (9, 0)]


def listing(text: str) -> str:
    """A listing as `nvdisasm` writes it: labels end in a colon, instructions in a semicolon."""
    lines = (line.strip() for line in text.strip().splitlines())
    return "\n".join(
        line if line.endswith(":") else f"        /*{16 * i:04x}*/  {line} ;" for i, line in enumerate(lines)
    )


def ends(text: str) -> list[str]:
    """The first words of the hot loop's instructions."""
    return [line.split()[0] for line in hot_loop(listing(text)).instructions]


SLOW = """
    MOV R1, c[0x0][0x28]
.L_x_8:
    BSSY B0, `(.L_x_1)
    MUFU.RSQ R2, R1
    @!P0 BRA P1, `(.L_x_2)
    MOV R3, 0x880
    CALL.REL.NOINC `($__internal_0_$__cuda_sm20_sqrt_rn_f32_slowpath)
.L_x_4:
    MOV R4, R2
    BRA `(.L_x_3)
.L_x_2:
    FFMA R4, R2, R2, R1
.L_x_3:
    BSYNC B0
.L_x_1:
    @P2 BRA `(.L_x_8)
    STG.E [R2.64], R4
    EXIT
$__internal_0_$__cuda_sm20_sqrt_rn_f32_slowpath:
    FMUL R2, R1, R1
    RET.REL.NODEC R3 `(kernel)
.L_x_10:
    BRA `(.L_x_10)
"""


def test_the_short_way_leaves_out_what_only_a_call_leads_to() -> None:
    assert ends(SLOW) == ["BSSY", "MUFU.RSQ", "@!P0", "FFMA", "BSYNC", "@P2"]
    assert hot_loop(listing(SLOW)).calls == 1


def test_a_call_that_is_always_made_is_refused() -> None:
    always = SLOW.replace("@!P0 BRA P1, `(.L_x_2)", "NOP")
    with pytest.raises(ValueError, match="cannot be passed without a call: something was not inlined"):
        ends(always)


def test_without_a_loop_there_is_no_hot_one() -> None:
    with pytest.raises(ValueError, match="the kernel has no loop"):
        ends(SLOW.replace("@P2 BRA `(.L_x_8)", "NOP"))


def test_a_cold_block_behind_the_end_belongs_to_its_loop() -> None:
    """It jumps back into the middle, which makes no loop of its own; both sides of the branch count."""
    text = """
    .L_x_0:
        IADD3 R1, R1, 0x1, RZ
        @P1 BRA `(.L_x_2)
    .L_x_1:
        FADD R2, R2, R1
        @P0 BRA `(.L_x_0)
        EXIT
    .L_x_2:
        FMUL R2, R2, R2
        BRA `(.L_x_1)
    """
    assert ends(text) == ["IADD3", "@P1", "FADD", "@P0", "FMUL", "BRA"]


def test_of_nested_loops_the_inner_one_is_hot() -> None:
    text = """
    .L_x_0:
        IADD3 R1, R1, 0x1, RZ
    .L_x_1:
        FADD R2, R2, R1
        @P0 BRA `(.L_x_1)
        FMUL R2, R2, R2
        FMUL R2, R2, R2
        @P1 BRA `(.L_x_0)
        EXIT
    """
    assert ends(text) == ["FADD", "@P0"]
    for part, found in (("FADD", ["FADD", "@P0"]), ("FMUL", ["IADD3", "FMUL", "FMUL", "@P1"])):
        assert [line.split()[0] for line in loop_with(listing(text), part).instructions] == found
    with pytest.raises(ValueError, match="the kernel has no loop with EXIT"):
        loop_with(listing(text), "EXIT")


def test_the_bound_is_four_warps_a_clock() -> None:
    """An H100 of 132 multiprocessors at 1.755 GHz."""
    assert instruction_bound(23.0, 132, 1.755e9) == pytest.approx(1.289e12, rel=1e-3)


KERNEL = """
.version 9.0
.target sm_{major}{minor}
.address_size 64
.visible .entry kernel(.param .u64 p0, .param .u32 p1)
{directive}
{{
    .reg .pred %p<3>;
    .reg .b32 %r<99>;
    .reg .f32 %f<99>;
    .reg .b64 %rd<9>;
    {array}
    ld.param.u64 %rd1, [p0];
    ld.param.u32 %r1, [p1];
    ld.global.f32 %f1, [%rd1];
{body}
    st.global.f32 [%rd1], %f1;
    ret;
}}
"""

LOOP = """
$L_LOOP:
    .pragma "nounroll";
{lines}
    add.s32 %r1, %r1, -1;
    setp.ne.s32 %p1, %r1, 0;
    @%p1 bra $L_LOOP;
"""


def made(body: str, capability: tuple[int, int], *, directive: str = "", array: str = "") -> Assembled:
    major, minor = capability
    text = KERNEL.format(major=major, minor=minor, body=body, directive=directive, array=array)
    return assemble(text, capability)


@needs_tools
@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("length", [1, 10])
def test_a_loop_of_known_length(capability: tuple[int, int], length: int) -> None:
    """Fused sums that wait for each other; and one each to count, compare and jump."""
    kernel = made(LOOP.format(lines="    fma.rn.f32 %f1, %f1, %f1, 0f3F800000;\n" * length), capability)
    loop = kernel.hot_loop
    assert len(loop.instructions) == length + 3, loop
    assert sum(line.startswith("FFMA") for line in loop.instructions) == length
    assert (loop.calls, kernel.stack, kernel.spilled) == (0, 0, 0)


@needs_tools
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_square_root_is_counted_without_its_slow_path(capability: tuple[int, int]) -> None:
    exact = made(LOOP.format(lines="    sqrt.rn.f32 %f1, %f1;"), capability).hot_loop
    near = made(LOOP.format(lines="    sqrt.approx.ftz.f32 %f1, %f1;"), capability).hot_loop
    assert exact.calls == 1
    assert near.calls == 0
    assert len(near.instructions) < len(exact.instructions) <= len(near.instructions) + 20
    assert not any("CALL" in line for line in exact.instructions)


@needs_tools
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_local_array_is_found(capability: tuple[int, int]) -> None:
    """Planted: an array whose place is known only at run time, as a scratch array in a kernel would be."""
    body = """
    mov.u64 %rd2, array;
    and.b32 %r2, %r1, 63;
    mul.wide.u32 %rd3, %r2, 4;
    add.s64 %rd4, %rd2, %rd3;
    st.local.f32 [array+4], %f1;
    st.local.f32 [%rd4], %f1;
    ld.local.f32 %f2, [array+8];
    add.rn.f32 %f1, %f1, %f2;
    """
    assert made(body, capability, array=".local .align 4 .b8 array[256];").stack == 256
    assert made("", capability).stack == 0


@needs_tools
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_spills_are_found(capability: tuple[int, int]) -> None:
    """Planted: eighty numbers that all live through a loop, in a kernel that is held to 32 registers."""
    load = "\n".join(f"    ld.global.f32 %f{j}, [%rd1+{4 * j}];" for j in range(2, 82))
    turn = "\n".join(f"    fma.rn.f32 %f{j}, %f{j}, %f{j}, %f{j - 1};" for j in range(2, 82))
    store = "\n".join(f"    st.global.f32 [%rd1+{4 * j}], %f{j};" for j in range(2, 82))
    body = f"{load}\n{LOOP.format(lines=turn)}\n{store}"
    assert made(body, capability, directive=".maxnreg 32").spilled > 0
    assert made(body, capability).spilled == 0


@needs_tools
def test_what_the_assembler_refuses_is_said() -> None:
    with pytest.raises(ValueError, match=r"ptxas: .*frobnicate"):
        made("    frobnicate.u32 %r2, %r1;", (9, 0))
