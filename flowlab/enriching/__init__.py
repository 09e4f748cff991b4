"""What a record means, found out column by column; put together by `flowlab.enrichment`."""
