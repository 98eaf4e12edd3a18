"""What is open, to whom, and what ought not to be: each check gives findings."""
