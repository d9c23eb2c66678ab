"""`python -m engine` is `bridge`."""

from engine.cli import main

main(prog_name="bridge")
