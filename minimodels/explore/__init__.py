"""The explorer: a page of sliders, curves, a phase diagram and a flow, served on this machine (Bokeh)."""
