"""Flow records on their way out: documents, files, and Elasticsearch or OpenSearch."""
