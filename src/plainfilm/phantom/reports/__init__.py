"""Reports of phantom studies, written by a grammar whose every sentence knows what it states."""

from plainfilm.phantom.reports.compose import WrittenReport, write_report

__all__ = ["WrittenReport", "write_report"]
