"""One Pipeline behind this server and behind others, measured in alternating rounds."""
