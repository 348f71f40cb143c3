"""`python -m engine`."""

import signal
import sys

EXIT_INTERRUPTED = 130

if __name__ == "__main__":
    # A wish to reload that comes while an engine is only starting waits until it listens; see `shutdown`.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        from engine.cli import main
    except KeyboardInterrupt:  # Ctrl+C while Python was still importing
        sys.exit(EXIT_INTERRUPTED)
    main()
