"""`python -m bittrue.numerics.checker model.onnx model.cert.json`: see `bittrue.numerics.checker`."""

from __future__ import annotations

import argparse
import sys

from ...errors import BadInput
from . import check


def main(arguments: list[str] | None = None) -> int:
    """Run the checker; returns the exit code: 0 proved, 1 not proved, 2 a file cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m bittrue.numerics.checker", description="Check a certificate "
                                     "against its ONNX file, from the two files alone.")
    parser.add_argument("onnx")
    parser.add_argument("certificate")
    parser.add_argument("--fingerprint", help="SHA-256 of the trained parameters, where it is known from elsewhere")
    given = parser.parse_args(arguments)
    try:
        report = check(given.onnx, given.certificate, given.fingerprint)
    except BadInput as problem:
        sys.stderr.write(f"{problem}\n")
        return problem.exit_code
    for layer in report.layers:
        sys.stdout.write(f"{layer.name}: {layer.verdict} ({layer.channels} channels, {layer.pieces} pieces)\n")
    for found in report.problems:
        sys.stdout.write(f"{found}\n")
    sys.stdout.write(f"{report.verdict}\n")
    return 0 if report.proved else 1


if __name__ == "__main__":
    sys.exit(main())
