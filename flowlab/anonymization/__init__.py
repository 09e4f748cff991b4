"""What of flow records names somebody, replaced by a key; what of it has meaning, kept."""
