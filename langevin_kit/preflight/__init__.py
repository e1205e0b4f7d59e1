"""What can be known of a system before its first step."""

from langevin_kit.preflight._check import Report, check, sample_times
from langevin_kit.preflight.jumps import require_continuous

__all__ = ["Report", "check", "require_continuous", "sample_times"]
