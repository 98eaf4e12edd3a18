"""What an experiment of an endpoint has come to: from records and labels to a decision."""
