"""Tables in, pictures out: each figure as SVG and PNG, legible in print and colour-blind safe."""
