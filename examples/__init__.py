"""Programs for readers: clients in other languages, and case studies from data to answers."""
