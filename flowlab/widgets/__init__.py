"""Controls around flowlab's public functions; whatever they show is one call that can be kept."""
