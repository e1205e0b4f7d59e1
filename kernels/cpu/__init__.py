"""Array loops for the CPU: no Python objects, no locks, the GIL released."""
