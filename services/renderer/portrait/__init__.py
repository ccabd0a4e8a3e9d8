"""A portrait drawn by code: baked layers of a person in a light, bent and completed for every pose in milliseconds.

`person/` says who it is and how it is lit, `layers/` bakes what does not move by itself with the tools in `paint/`, and
`cache` keeps it on disk. `acting/` turns idle motion and speech into poses, `drawing/` draws a pose over the layers.
`engine` puts them together for the renderer; `bake`, `bench` and `sheets` are commands.
"""
