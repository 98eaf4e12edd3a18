"""The admin API: everything that changes or tells of a cluster, on a port of its own."""
