"""What webhooks are made of: which addresses may be called, and how a message is signed. Pure."""
