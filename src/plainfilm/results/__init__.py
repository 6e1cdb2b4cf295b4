"""What an evaluation found, as files: numbers, tables, figures and a page."""
