"""The scalar functions on a CUDA device: the CPU's own, taken over as they are."""
