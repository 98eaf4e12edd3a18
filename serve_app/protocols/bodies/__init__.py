"""How bodies of requests and answers are read and written, whatever the dialect."""
