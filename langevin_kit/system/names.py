"""Names that no coordinate or parameter may have: what expressions call and know."""

RESERVED = frozenset(
    "t T pi exp log sqrt sin cos tan sinh cosh tanh abs sign min max".split()  # a test holds these to the functions
)
