"""Names that no coordinate or parameter may have, and the functions that generated code calls."""

ELEMENTARY = (
    *(
        "exp",
        "log",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "atan",
        "atanh",
        "logcosh",
        "absolute",
        "sign",
        "sqrt",
    ),
)
"""The functions of `langevin_kit.kernels.elementary`."""

RESERVED = frozenset(
    (
        "t",
        "T",
        "pi",
        "exp",
        "log",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "atan",
        "abs",
        "sign",
        "min",
        "max",
    )
)
"""What expressions call and know."""
