"""How the requests of one caller lie to each other, and whether that is as rows of training do."""
