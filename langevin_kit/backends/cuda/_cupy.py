"""A GPU by CuPy, which nothing else imports: memory, copies, streams, and the driver that takes PTX."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from langevin_kit.backends.cuda._device import Array, Kernel
from langevin_kit.errors import BackendUnavailable

_EXTRAS = "pip install 'langevin-kit[cuda13]' (driver 580 or later) or 'langevin-kit[cuda12]' (575 or later)"


def device(number: int) -> GPU:
    """The GPU of this number.

    Raises
    ------
    BackendUnavailable
        If CuPy, numba-cuda, the driver or the GPU is missing; it says which, and what to do.
    """
    try:
        import cupy
        import numba_cuda  # noqa: F401
    except ImportError as error:
        trouble = f"{error.name} is not installed" if error.name else f"CuPy cannot be imported ({error})"
        raise BackendUnavailable(
            f"backend: got 'cuda', and {trouble}. Install it: {_EXTRAS}; or use backend='cpu'."
        ) from error
    try:
        found = int(cupy.cuda.runtime.getDeviceCount())
        trouble = "it finds no device"
    except cupy.cuda.runtime.CUDARuntimeError as error:
        found, trouble = 0, str(error)
    if not found:
        raise BackendUnavailable(
            f"backend: got 'cuda', and CUDA cannot be used here ({trouble}). It needs an NVIDIA GPU and its driver, "
            "as new as the extra that is installed asks for: 580 for cuda13, 575 for cuda12. Or use backend='cpu'."
        )
    if number >= found:
        raise BackendUnavailable(f"device: got {number}; this machine has {found}, numbered from 0.")
    return GPU(cupy, number)


class GPU:
    """A GPU with two streams: one in which kernels run, and one for copies beside them."""

    def __init__(self, cupy: Any, number: int) -> None:
        self._cupy, self._number = cupy, number
        self._here = cupy.cuda.Device(number)
        with self._here:
            self._stream, self._beside = (cupy.cuda.Stream(non_blocking=True) for _ in range(2))

    @property
    def capability(self) -> tuple[int, int]:
        """Its compute capability."""
        digits = str(self._here.compute_capability)
        return int(digits[:-1]), int(digits[-1])

    def about(self) -> dict[str, Any]:
        """Its name, the driver, and what its speed depends on; clocks in hertz."""
        runtime = self._cupy.cuda.runtime
        known = runtime.getDeviceProperties(self._number)
        return {
            "name": known["name"].decode(),
            "capability": self.capability,
            "multiprocessors": known["multiProcessorCount"],
            "clock": 1e3 * runtime.deviceGetAttribute(runtime.cudaDevAttrClockRate, self._number),
            "memory": known["totalGlobalMem"],
            "driver": runtime.driverGetVersion(),
            "runtime": runtime.runtimeGetVersion(),
            "cupy": self._cupy.__version__,
        }

    def load(self, text: str) -> Kernel:
        """Load PTX with one entry."""
        entry = re.search(r"\.visible\s+\.entry\s+([\w$]+)", text)
        assert entry is not None
        with self._here:
            module = self._cupy.cuda.function.Module()
            try:
                module.load(text.encode())
            except self._cupy.cuda.driver.CUDADriverError as error:
                has = self._cupy.cuda.runtime.driverGetVersion()
                raise BackendUnavailable(
                    f"backend: the driver, for CUDA {has // 1000}.{has % 1000 // 10}, does not take kernels ({error}). "
                    f"Use a later driver, or another extra: {_EXTRAS}; or backend='cpu'."
                ) from error
            function = module.get_function(entry[1])

        def launch(grid: int, block: int, *arguments: Any) -> None:
            words = [word for argument in arguments for word in self._words(argument)]
            with self._here, self._stream:
                function((grid,), (block,), tuple(words))

        return launch

    def _words(self, argument: Any) -> list[Any]:
        """An argument as numba's kernels take it: an array is its owner, its size, its place, shape and strides."""
        if not isinstance(argument, self._cupy.ndarray):
            return [argument]
        size, place = (argument.size, argument.itemsize), argument.data.ptr
        return [np.int64(word) for word in (0, 0, *size, place, *argument.shape, *argument.strides)]

    def free_bytes(self) -> int:
        """Memory that is left, with what CuPy keeps for arrays to come."""
        with self._here:
            free = int(self._cupy.cuda.runtime.memGetInfo()[0])
            return free + int(self._cupy.get_default_memory_pool().free_bytes())

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """A new array of zeros."""
        with self._here, self._stream:
            return self._cupy.zeros(shape, dtype)

    def put(self, host: NDArray[Any], array: Array) -> None:
        """Copy rows from the host, each of which is contiguous."""
        with self._here, self._stream:
            for source, target in [(host, array)] if host.flags.c_contiguous else zip(host, array, strict=True):
                target.set(source)
            self._stream.synchronize()

    def get(self, array: Array, host: NDArray[Any]) -> None:
        """Wait for all that was started, and copy rows to the host."""
        with self._here, self._stream:
            if host.flags.c_contiguous:
                array.get(out=host)
            else:
                for source, target in zip(array, host, strict=True):
                    source.get(out=target)
            self._stream.synchronize()

    def copy(self, source: Array, target: Array) -> None:
        """Start to copy on the device."""
        with self._here, self._stream:
            target[...] = source

    def pinned(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Memory of the host that `fetch` can fill while kernels run."""
        cuda, count = self._cupy.cuda, prod(shape)
        with self._here:  # not from CuPy's pool, which rounds up to a power of two and keeps what it was given
            memory = cuda.PinnedMemory(count * np.dtype(dtype).itemsize)
        return np.frombuffer(cuda.PinnedMemoryPointer(memory, 0), dtype, count).reshape(shape)

    def fetch(self, array: Array, host: NDArray[Any]) -> Callable[[], None]:
        """Start to copy, after all that was started before; gives what waits for the end."""
        with self._here:
            self._beside.wait_event(self._stream.record())
            array.get(stream=self._beside, out=host, blocking=False)
            synchronize: Callable[[], None] = self._beside.record().synchronize
        return synchronize

    def product(self, U: Array, x: Array, out: Array, *, tf32: bool) -> None:
        """Start out = Uᵀ x by cuBLAS, which counts columns first: outᵀ = xᵀ U."""
        blas, runtime = self._cupy.cuda.cublas, self._cupy.cuda.runtime
        (k, m), n = U.shape, x.shape[1]
        kind, how = runtime.CUDA_R_64F, blas.CUBLAS_COMPUTE_64F
        if out.dtype == np.float32:
            kind = runtime.CUDA_R_32F
            how = blas.CUBLAS_COMPUTE_32F_FAST_TF32 if tf32 else blas.CUBLAS_COMPUTE_32F
        one, zero = np.ones(1, out.dtype), np.zeros(1, out.dtype)
        with self._here, self._stream:
            handle = self._here.cublas_handle
            blas.setPointerMode(handle, blas.CUBLAS_POINTER_MODE_HOST)
            blas.gemmEx(
                *(handle, blas.CUBLAS_OP_N, blas.CUBLAS_OP_T, n, m, k),
                *(one.ctypes.data, x.data.ptr, kind, n, U.data.ptr, kind, m),
                *(zero.ctypes.data, out.data.ptr, kind, n, how, blas.CUBLAS_GEMM_DEFAULT),
            )

    def synchronize(self) -> None:
        """Wait for all that was started."""
        self._stream.synchronize()

    def release(self) -> None:
        """Give memory back that no array holds any more."""
        with self._here:
            self._cupy.get_default_memory_pool().free_all_blocks()

    def seconds(self, work: Callable[[], object]) -> float:
        """Time between the start and the end, on the device, of what `work` starts there."""
        with self._here:
            begin, end = (self._cupy.cuda.Event() for _ in range(2))
            begin.record(self._stream)
            work()
            end.record(self._stream)
            end.synchronize()
            return 1e-3 * float(self._cupy.cuda.get_elapsed_time(begin, end))
