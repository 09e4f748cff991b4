"""How fast flowlab is, and how much memory it takes, beside what else reads flow logs."""
