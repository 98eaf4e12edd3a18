"""Functions and endpoints of clouds: what is wrong with the files that describe them."""
