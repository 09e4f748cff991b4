"""Bytes to typed Arrow tables; what cannot be a record is set aside with its reason."""
