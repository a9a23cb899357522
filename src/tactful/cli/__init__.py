"""The command line. This file loads nothing heavy, so that a base install can say what it lacks."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import Any

from tactful.cli.printable import printable
from tactful.errors import MissingExtraError, TactfulError

_INTERRUPTED = "stopped: it is not done. Run the same command again; it finishes what was begun"
_TRAINING_INTERRUPTED = (
    "stopped. What had been opened stays spent, the rest of the run was given back; `tactful budget` says how much, "
    "and `tactful models` what there is"
)


def main() -> None:
    """Run the command in ``sys.argv`` and exit: 0 done, 2 usage or bad input, 3 refused, 130 interrupted, 1 a bug."""
    interrupted: list[int] = []

    def interrupt(signum: int, _: object) -> None:
        """Remember the signal, then do what Python does."""
        interrupted.append(signum)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        from tactful.cli.application import app

        code = app(prog_name="tactful", standalone_mode=False)
        if interrupted and code == 130:
            raise KeyboardInterrupt  # the parser made an exit code of it
        sys.exit(code)
    except TactfulError as error:
        _stop(str(error), error.exit_code)
    except ModuleNotFoundError as missing:
        lacking = MissingExtraError(f"`tactful {' '.join(sys.argv[1:2])}`", extra="train", missing=missing.name or "")
        _stop(str(lacking), lacking.exit_code)
    except BrokenPipeError:  # whoever reads the result has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        _stop(_interrupted(), 130)
    except Exception as bug:
        if hasattr(bug, "format_message"):  # the command line parser's own errors: a wrong option or argument
            _stop(f"{bug.format_message().rstrip('.')}. {_how_to_go_on(bug)}", 2)
        if interrupted:  # another library may turn the signal into an error of its own
            _stop(_interrupted(), 130)
        _stop(_described(bug), 1)
    finally:
        signal.signal(signal.SIGINT, before)


def _how_to_go_on(wrong: Any) -> str:
    """Where to read what the command takes that was called wrongly."""
    context = getattr(wrong, "ctx", None)
    called = context.command_path if context else "tactful"
    return f"Run `{called} --help` for what it takes."


def _interrupted() -> str:
    """What an interrupted command leaves: only a training has spent something."""
    return _TRAINING_INTERRUPTED if sys.argv[1:2] == ["train"] else _INTERRUPTED


def _described(bug: Exception) -> str:
    """What went wrong and where, without the message, which another library may have filled with somebody's data."""
    if os.environ.get("TACTFUL_DEBUG"):
        return "".join(traceback.format_exception(bug))
    place = traceback.extract_tb(bug.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}:{place.lineno}"  # noqa: PTH119  (no pathlib on the way out)
    return (
        f"this is a bug in tactful: {type(bug).__name__} at {where}. Its message is not shown, since it may hold "
        "personal data; TACTFUL_DEBUG=1 shows everything, on your terminal only."
    )


def _stop(message: str, code: int) -> None:
    """Print what went wrong to standard error and exit; it may quote names that others chose."""
    print(printable(message), file=sys.stderr)  # noqa: T201
    sys.exit(code)
