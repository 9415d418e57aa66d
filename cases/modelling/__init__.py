"""The pages of models: which there are, and what experiments say of them."""
