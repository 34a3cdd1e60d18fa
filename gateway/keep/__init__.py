"""What a power cut must not take: journal, outbox, readings, and what mends them."""
