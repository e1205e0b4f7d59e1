"""What figures look like."""

from __future__ import annotations

from matplotlib.figure import Figure


def overlapping(fig: Figure) -> list[tuple[str, str]]:
    """Pairs of texts and legends that share ink, and texts that leave the figure."""
    fig.draw_without_rendering()
    canvas = fig.bbox.padded(1)
    boxes = {}
    for ax in fig.axes:
        pieces = [ax.xaxis.label, ax.yaxis.label, ax.title, *ax.texts]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            pieces += [t.label1 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            pieces += [t.label2 for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
        boxes |= {(id(t), t.get_text()): t.get_window_extent() for t in pieces if t.get_visible() and t.get_text()}
        if (legend := ax.get_legend()) is not None:
            boxes[id(legend), "legend"] = legend.get_window_extent()
    boxes |= {(id(t), t.get_text()): t.get_window_extent() for t in (fig._suptitle, fig._supxlabel) if t is not None}
    named = [(name, box) for (_, name), box in boxes.items() if box.width > 0]
    outside = [(name, "figure") for name, b in named if b.x0 < canvas.x0 or b.x1 > canvas.x1 or b.y0 < canvas.y0]
    return outside + [(a, b) for i, (a, p) in enumerate(named) for b, q in named[:i] if p.overlaps(q)]
