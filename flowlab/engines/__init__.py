"""The same questions where the records are: Athena and Spark."""
