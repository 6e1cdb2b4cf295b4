"""DICOMweb archives: films are taken from them, and results are written back."""
