"""What versions were made of: compared, and as a card."""
