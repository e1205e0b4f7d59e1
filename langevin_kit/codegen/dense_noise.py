"""Source that draws the normals of a step of a tile of particles, and says where each stands."""

from __future__ import annotations

from dataclasses import dataclass

from langevin_kit.schemes import Noise

_SETUP = """\
words = np.zeros((4, {n}), np.uint32)
z = aligned({per_call}, {n}, like)
"""

_DRAW = """\
normal = (k % {group})*{d}
call = (k // {group})*{group_calls} + normal // {per_call}
draw_words(words, {shift}, particle0 + a, call, key0, key1)
normals(words, z)
normal = normal % {per_call}
"""


@dataclass(frozen=True)
class Draw:
    """Normals of d coordinates of P particles, a power of two.

    A group of g steps shares c calls of the generator, the smallest with g d = c times the normals of a call; step s
    of it uses the d from s d on. Step k is made from particle `particle0 + a` on.
    """

    noise: Noise
    d: int
    P: int
    dtype: str

    @property
    def _names(self) -> dict[str, int]:
        per_call = self.noise.per_call[self.dtype]
        group, group_calls = self.noise.group(self.d, self.dtype)
        return {
            "per_call": per_call,
            "group": group,
            "group_calls": group_calls,
            "n": self._calls * self.P,
            "d": self.d,
            "shift": self.P.bit_length() - 1,
        }

    @property
    def _calls(self) -> int:
        """Most calls that a step takes numbers from."""
        d, per_call = self.d, self.noise.per_call[self.dtype]
        group, _ = self.noise.group(d, self.dtype)
        return max(-(-(s * d + d) // per_call) - s * d // per_call for s in range(group))

    @property
    def setup(self) -> list[str]:
        """Lines before all particles."""
        return _SETUP.format(**self._names).splitlines()

    @property
    def lines(self) -> list[str]:
        """Lines of a step."""
        return _DRAW.format(**self._names).splitlines()

    def row(self, first: int) -> list[str]:
        """Lines after which particle i's normal of the row `first + r` is ``load(z, 1, q + i)``."""
        per_call = self.noise.per_call[self.dtype]
        return [
            f"q = normal + {first} + r" if first else "q = normal + r",
            f"q = ((q & {per_call - 1})*{self._calls} + (q >> {per_call.bit_length() - 1}))*{self.P}",
        ]
