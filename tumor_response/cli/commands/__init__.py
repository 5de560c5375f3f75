"""One module per command: its options, and what it calls; nothing heavy is imported at the top."""
