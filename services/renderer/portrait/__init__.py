"""A portrait drawn by code: baked layers of an identity in a light, bent and completed for every pose in milliseconds.

`identity` says who it is, `styles` how it is lit; `head`, `skin`, `ears`, `beard`, `hair`, `body` and `room` bake what
does not move by itself, `layers` collects and `cache` keeps it; `face` draws a `pose` with `rig`, `eyes` and `mouth`;
`actor` turns idle life and speech into poses.
"""
