"""Reports of phantom studies, written by a grammar whose every sentence knows what it states."""

from collections.abc import Callable, Mapping

import numpy as np

from plainfilm.phantom.history import Visit
from plainfilm.phantom.reports.compose import WrittenReport, write_report
from plainfilm.phantom.reports.mixed import write_mixed_report

__all__ = ["WRITERS", "WrittenReport", "write_mixed_report", "write_report"]

WRITERS: Mapping[str, Callable[[float, str, Visit, np.random.Generator], WrittenReport]] = {
    "english": write_report,
    "mixed": write_mixed_report,
}
"""Who writes reports: in English, or in Traditional Chinese and English mixed."""
