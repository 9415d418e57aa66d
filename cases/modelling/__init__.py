"""The pages of models: how they came about, how good they are, and what becomes of them."""
