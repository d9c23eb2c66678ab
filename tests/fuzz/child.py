"""One target under atheris, in this process, until the time is up or an input fails: what `tests.fuzz` starts.

atheris rewrites the bytecode of what it is to watch, so the program's own modules, and those libraries that read a
peer's bytes, are imported under its eyes. The rest of the arguments are libFuzzer's
(https://llvm.org/docs/LibFuzzer.html#options); `-print_final_stats` is where the table's numbers come from.
"""

import sys
from importlib import import_module
from typing import Any

WATCHED = ["engine", "replay", "h11", "trio_websocket", "wsproto"]


def main() -> None:
    name, *options = sys.argv[1:]
    atheris: Any = import_module("atheris")  # an extra, without types, that most machines do not have
    with atheris.instrument_imports(include=WATCHED):
        target = import_module("tests.fuzz.targets").TARGETS[name]
    atheris.Setup([sys.argv[0], *options], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
