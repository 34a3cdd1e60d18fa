"""What the platform reads and writes: messages, schemas, the chain of digests. Pure."""
