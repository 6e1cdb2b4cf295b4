"""Results of films as DICOM objects, and back: structured reports, presentation states, secondary captures."""
