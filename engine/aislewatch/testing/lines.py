"""Events as lines of text, as rule authors write them; see :mod:`aislewatch.authoring.lines`."""

from aislewatch.authoring.lines import DAY_US, parse_lines, time_us

__all__ = ["DAY_US", "parse_lines", "time_us"]
