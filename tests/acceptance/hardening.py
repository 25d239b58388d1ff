"""`make accept hardening`: hostile clients against every server, alone and behind the shipped proxy."""

from tests.acceptance.figures import end
from tests.acceptance.protocol import show_crowds, show_unresolved


def main() -> None:
    show_unresolved()
    show_crowds()
    end()


if __name__ == "__main__":
    main()
