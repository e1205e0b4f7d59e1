"""What the CUDA backend asks of CuPy, with NumPy's arrays and the executor of PTX: its words reach a kernel or fail.

A copy to the host that nobody waited for has not come yet: the array is filled by the event's end.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np

from langevin_kit.testing.ptxvm import Machine

_entered: list[Any] = []
"""Streams in whose context we are: what is started outside goes to a stream that waits for none of ours."""


class Memory(np.ndarray):  # type: ignore[type-arg]
    """An array of a device."""

    def __setitem__(self, key: Any, value: Any) -> None:
        assert _entered
        super().__setitem__(key, value)

    @property
    def data(self) -> Any:  # type: ignore[override]
        return SimpleNamespace(ptr=self.ctypes.data)

    def set(self, host: np.ndarray) -> None:
        assert host.flags.c_contiguous
        assert (host.dtype, host.shape) == (self.dtype, self.shape)
        self[...] = host

    def get(self, stream: Any = None, out: Any = None, *, blocking: bool = True) -> None:
        assert out.flags.c_contiguous
        assert (out.dtype, out.shape) == (self.dtype, self.shape)
        if blocking:
            assert _entered
            out[...] = self
        else:
            stream.waiting.append(lambda: np.copyto(out, self))


class Stream:
    """Starts what it is given at once, but for copies to the host."""

    def __init__(self, *, non_blocking: bool) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __enter__(self) -> Stream:
        _entered.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        assert _entered.pop() is self

    def synchronize(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()

    def record(self) -> Any:
        return SimpleNamespace(synchronize=self.synchronize)

    def wait_event(self, event: Any) -> None:
        event.synchronize()


class Module:
    """A module of the driver."""

    def load(self, text: bytes) -> None:
        self._machine = Machine(text.decode())

    def get_function(self, name: str) -> Callable[..., None]:
        def launch(grid: tuple[int], block: tuple[int], words: tuple[Any, ...]) -> None:
            assert all(isinstance(word, np.generic) for word in words)
            self._machine.launch(grid[0], block[0], *_arguments(list(words)))

        return launch


def _arguments(words: list[Any]) -> list[Any]:
    """Arrays again, from owner, size, place, shape and strides."""
    found: list[Any] = []
    while words:
        dimensions = next((k for k in (2, 1) if _is_array(words[: 5 + 2 * k], k)), 0)
        if dimensions:
            size, item, place = map(int, words[2:5])
            shape = tuple(map(int, words[5 : 5 + dimensions]))
            raw = (ctypes.c_char * (size * item)).from_address(place)
            found.append(np.frombuffer(raw, f"u{item}").reshape(shape))
            words = words[5 + 2 * dimensions :]
        else:
            found.append(words[0])
            words = words[1:]
    return found


def _is_array(words: list[Any], dimensions: int) -> bool:
    if len(words) < 5 + 2 * dimensions or words[0] != 0 or words[1] != 0 or words[3] not in (1, 2, 4, 8):
        return False
    shape, strides = words[5 : 5 + dimensions], words[5 + dimensions :]
    expected = [words[3] * int(np.prod(shape[k + 1 :], dtype=np.int64)) for k in range(dimensions)]
    return int(np.prod(shape)) == words[2] and list(strides) == expected


def zeros(shape: tuple[int, ...], dtype: Any) -> Any:
    """A new array."""
    assert _entered
    return np.zeros(shape, dtype).view(Memory)


R32, R64, OP_N, OP_T, FULL32, FULL64, TF32 = 0, 1, 0, 1, 68, 70, 77
"""Numbers of cuBLAS: types, transpositions, ways to compute."""


def _columns(place: int, kind: int, rows: int, columns: int, leading: int) -> np.ndarray:
    """A matrix as cuBLAS sees it: column by column, `leading` numbers apart."""
    item = {R32: 4, R64: 8}[kind]
    raw = (ctypes.c_char * (leading * columns * item)).from_address(place)
    return np.frombuffer(raw, f"f{item}").reshape(columns, leading).T[:rows]


def _gemm_ex(
    handle: Any, op_a: int, op_b: int, m: int, n: int, k: int, alpha: int, a: int, kind_a: int, lda: int,
    b: int, kind_b: int, ldb: int, beta: int, c: int, kind_c: int, ldc: int, how: int, algorithm: int,
) -> None:  # fmt: skip
    """C = α op(A) op(B) + β C, as NVIDIA documents cublasGemmEx; TF32 rounds the factors to ten bits."""
    assert _entered
    assert (op_a, op_b, algorithm, handle) == (OP_N, OP_T, -1, "handle")
    assert how in {R32: (FULL32, TF32), R64: (FULL64,)}[kind_c]
    factors = [_columns(a, kind_a, m, k, lda), _columns(b, kind_b, n, k, ldb)]
    if how == TF32:
        factors = [((x.view(np.uint32) + 2**12) & np.uint32(2**32 - 2**13)).view(np.float32) for x in factors]
    scale = [_columns(place, kind_c, 1, 1, 1)[0, 0] for place in (alpha, beta)]
    result = _columns(c, kind_c, m, n, ldc)
    result[...] = scale[0] * (factors[0] @ factors[1].T) + (scale[1] * result if scale[1] else 0)


def cupy(devices: int = 1, *, memory: int = 2**32) -> Any:
    """The module `cupy`."""
    runtime = SimpleNamespace(
        CUDARuntimeError=RuntimeError,
        driverGetVersion=lambda: 12080,
        getDeviceCount=lambda: devices,
        memGetInfo=lambda: (memory, memory),
        CUDA_R_32F=R32,
        CUDA_R_64F=R64,
    )
    blas = SimpleNamespace(
        CUBLAS_OP_N=OP_N,
        CUBLAS_OP_T=OP_T,
        CUBLAS_COMPUTE_32F=FULL32,
        CUBLAS_COMPUTE_64F=FULL64,
        CUBLAS_COMPUTE_32F_FAST_TF32=TF32,
        CUBLAS_GEMM_DEFAULT=-1,
        CUBLAS_POINTER_MODE_HOST=0,
        setPointerMode=lambda handle, mode: None,
        gemmEx=_gemm_ex,
    )

    def device(number: int) -> Any:
        here = nullcontext()
        here.compute_capability = "90"  # type: ignore[attr-defined]
        here.cublas_handle = "handle"  # type: ignore[attr-defined]
        return here

    cuda = SimpleNamespace(
        runtime=runtime,
        cublas=blas,
        driver=SimpleNamespace(CUDADriverError=ValueError),
        Device=device,
        Stream=Stream,
        function=SimpleNamespace(Module=Module),
        PinnedMemory=lambda size: np.full(size, 255, np.uint8),  # as floats, NaN
        PinnedMemoryPointer=lambda memory, offset: memory[offset:],
    )
    return SimpleNamespace(
        cuda=cuda,
        ndarray=Memory,
        zeros=zeros,
        get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: 0, free_all_blocks=lambda: None),
    )
