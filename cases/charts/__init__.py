"""Charts as plain numbers and paths for an SVG, which templates write down. Pure; no Django."""
