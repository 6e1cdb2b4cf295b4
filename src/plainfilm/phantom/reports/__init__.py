"""Reports of phantom studies, from a grammar with the statements of every sentence."""

from plainfilm.phantom.reports.compose import WrittenReport, write_report

__all__ = ["WrittenReport", "write_report"]
