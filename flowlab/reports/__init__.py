"""Reports: one file that says what was found, what it rests on, and what it cannot show."""
