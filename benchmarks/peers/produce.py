"""`python -m benchmarks.peers.produce APP FILE SIZE`: puts the lines of a file into a peer's queue, SIZE a delivery.

Prints when it put the first one, and what CPU it has used since.
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Put all of them."""
    app, file, size = import_module(f"benchmarks.peers.{sys.argv[1]}"), Path(sys.argv[2]), int(sys.argv[3])
    lines = file.read_text().splitlines()
    spent = time.process_time()
    began = app.put_all("\n".join(lines[place : place + size]) for place in range(0, len(lines), size))
    print(json.dumps({"began": began, "cpu": time.process_time() - spent}))


if __name__ == "__main__":
    main()
