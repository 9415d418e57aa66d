"""Pages of the console. A view parses, makes one service or query call, and renders."""
