"""The public test kit: events as lines of text, contract suites for what outsiders implement."""
