"""Where a run happens: one protocol, one file a device."""

from langevin_kit.backends._protocol import PLACES, Backend, Ensemble, Measurement, Program
from langevin_kit.backends._select import backend_from
from langevin_kit.backends.cpu import CPU
from langevin_kit.backends.cuda import CUDA

__all__ = ["CPU", "CUDA", "PLACES", "Backend", "Ensemble", "Measurement", "Program", "backend_from"]
