"""``planesched conform``: run case files and print what differs."""

import argparse

DESCRIPTION = """\
Run every case of some files against the fast core, or against the slow model in plain Python,
and print what differs. The exit status is 0 if nothing does, else 1."""
EXAMPLE = "planesched conform tests/data/conformance/vsm.toml --reference"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="a case file (TOML)")
    parser.add_argument("--reference", action="store_true", help="run them on the slow model")
    parser.add_argument(
        "--c-table",
        metavar="FILE",
        help="write the cases as a C header, for programs without Python",
    )


def run(args: argparse.Namespace) -> int:
    """Run the files and print what differs."""
    from ..conformance import conform

    if args.c_table is not None:
        from ..conformance.ctable import c_table
        from ..files import replacing

        with replacing(args.c_table) as out:
            out.write(c_table(args.files))
    report = conform(args.files, model="reference" if args.reference else "core")
    print(report)
    return report.status
