"""``python -m tumor_response.cli``: the command line without its script."""

from tumor_response.cli.app import main

main()
