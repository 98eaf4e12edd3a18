"""One dialect per file: bytes to columns, and answers to bytes. None knows another."""
