"""Models in the console: those there are, what each is and does, the steps it takes, and what experiments say."""
