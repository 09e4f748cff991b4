"""Where flow logs are: what covers a period, and how to open it. No parsing here."""
