"""Clusters that `ray up` starts: files for it, and what is wrong with them."""
