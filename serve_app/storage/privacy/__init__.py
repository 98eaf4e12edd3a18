"""The data of single people: encrypted under a key of each, exported, erased."""
