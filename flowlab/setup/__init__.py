"""Is the set-up right, does it deliver, what is missing: collected first, judged after."""
