"""Ray on one small machine: its own processes, with less in each; started by `start`."""
