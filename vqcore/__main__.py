"""`python -m vqcore VERB`."""

import sys


def main(words: list[str]) -> int:
    """Run the verb; the doctor's first line must not wait until all that trains is loaded."""
    if words[:1] == ["doctor"]:
        from vqcore.doctor.command import main as examine

        return examine(words[1:])
    from vqcore.cli import main as run

    return run(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
