"""What can be known of a system before its first step."""

from langevin_kit.preflight._check import Report, check, sample_times

__all__ = ["Report", "check", "sample_times"]
