"""Models in the console: those there are, what each is and does, and the steps it takes."""
