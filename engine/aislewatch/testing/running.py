"""Rules run on events, for tests outside rule files; see :mod:`aislewatch.authoring.running`."""

from aislewatch.authoring.running import CaseRun, run_case, run_events, standing

__all__ = ["CaseRun", "run_case", "run_events", "standing"]
