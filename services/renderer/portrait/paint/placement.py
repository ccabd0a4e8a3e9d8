"""Where the head sits in the frame: sculpted larger than shown, turned about a point in the neck."""

PIVOT = (256.0, 352.0, 18.0)
"""What the head turns about: x, y, height, in the sculpture's px."""

LIFT = -11.0
"""How far the pivot lies below its sculpted place in the frame, px."""


def sculpted_y(frame_y: float, zoom: float) -> float:
    """The sculpture's row at a row of the frame, head at rest."""
    return PIVOT[1] + (frame_y - PIVOT[1] - LIFT) / zoom
