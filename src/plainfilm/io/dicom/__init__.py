"""DICOM radiographs to 8-bit grey (PS3.3 and PS3.5).

`read` is the way in. The parts: `header` (elements without surprises), `subject` (is it a chest film?),
`values` (decoding), `grey` (LUTs, window, polarity, padding as one table), `spacing` (the side of a pixel).
"""
