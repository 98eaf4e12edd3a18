"""What the data of a version looked like when it was registered, in counts that can be merged."""
