"""`python -m engine`."""

import sys

EXIT_INTERRUPTED = 130

if __name__ == "__main__":
    try:
        from engine.cli import main
    except KeyboardInterrupt:  # Ctrl+C while Python was still importing
        sys.exit(EXIT_INTERRUPTED)
    main()
