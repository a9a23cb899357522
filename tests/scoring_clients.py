"""One client of a scoring server: asks without a pause over one connection, and writes down what it got.

Run as a program of its own: port, seconds and a seed on the command line, one JSON object on standard output.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import time
from typing import Any

WRONG = (
    (b'{"dataframe_records": [{"history": ["100"', "application/json"),
    (b'{"dataframe_records": [{"history": ["100"]}]}', "application/json"),
    (b'{"dataframe_records": [{"history": ["100"], "profiling": "no"}]}', "application/json"),
    (b'{"instances": [{"history": ["100"], "profiling": true}]}', "application/json"),
    (b'{"dataframe_records": [{"history": ["100"], "profiling": true}]}', "text/plain"),
    (b"\x00\xff", "application/json"),
)
_SHARE = 0.1  # of bodies that are wrong


def body(chance: random.Random) -> bytes:
    """One to three people with histories of their own."""
    rows = [
        {
            "history": [str(100 + chance.randrange(14)) for _ in range(chance.randrange(1, 6))],
            "profiling": chance.random() < 0.8,
            "n": chance.randrange(1, 5),
        }
        for _ in range(chance.randrange(1, 4))
    ]
    return json.dumps({"dataframe_records": rows}).encode()


def ask(connection: http.client.HTTPConnection, raw: bytes, kind: str) -> tuple[int, bytes]:
    """Status and body of one answer."""
    connection.request("POST", "/invocations", raw, {"Content-Type": kind})
    answer = connection.getresponse()
    return answer.status, answer.read()


def told(raw: bytes) -> tuple[str, str]:
    """The version and the approval that all answers of a body name; they must agree."""
    ((version, approval),) = {(each["version"], each["approval_id"]) for each in json.loads(raw)["predictions"]}
    return version, approval


def main(port: int, seconds: float, seed: int) -> dict[str, Any]:
    """Every answer as [asked at, answered at, version, approval id]; statuses of wrong bodies; what went wrong."""
    chance = random.Random(seed)  # noqa: S311  # which bodies are sent
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    answers: list[tuple[float, float, str, str]] = []
    refusals: list[int] = []
    errors: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        wrong = chance.random() < _SHARE
        raw, kind = chance.choice(WRONG) if wrong else (body(chance), "application/json")
        asked = time.time()
        try:
            status, said = ask(connection, raw, kind)
            if wrong:
                refusals.append(status)
            elif status == 200:
                answers.append((asked, time.time(), *told(said)))
            else:
                errors.append(f"{status}: {said[:300]!r}")
        except Exception as error:
            errors.append(repr(error))
            connection.close()
    return {"answers": answers, "refusals": refusals, "errors": errors}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))))
