"""Who is asking, and what they may do: signatures, keys, sign-ins."""
