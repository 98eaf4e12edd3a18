"""What all case studies have in common: one command, a page of what it measured, and pictures."""
