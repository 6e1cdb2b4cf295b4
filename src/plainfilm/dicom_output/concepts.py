"""The names of content items in our structured reports: DICOM's (PS3.16), and those of our private scheme."""

from __future__ import annotations

from dataclasses import dataclass

PRIVATE = "99PLAINFILM"
"""Our coding scheme designator; those that begin with 99 are private (PS3.16 8)."""


@dataclass(frozen=True)
class CodedName:
    """A coded concept: the value, the scheme that defines it, and its meaning for people."""

    value: str
    scheme: str
    meaning: str


# The structure of a report (TID 1500), its images (TID 1600) and groups (TID 1410).
IMAGING_REPORT = CodedName("126000", "DCM", "Imaging Measurement Report")
PROCEDURE = CodedName("121058", "DCM", "Procedure reported")
IMAGE_LIBRARY = CodedName("111028", "DCM", "Image Library")
LIBRARY_GROUP = CodedName("126200", "DCM", "Image Library Group")
SOURCE = CodedName("260753009", "SCT", "Source")
ROWS = CodedName("110910", "DCM", "Pixel Data Rows")
COLUMNS = CodedName("110911", "DCM", "Pixel Data Columns")
MEASUREMENTS = CodedName("126010", "DCM", "Imaging Measurements")
GROUP = CodedName("125007", "DCM", "Measurement Group")
EVALUATIONS = CodedName("C0034375", "UMLS", "Qualitative Evaluations")
TRACKING_UID = CodedName("112040", "DCM", "Tracking Unique Identifier")
FINDING = CodedName("121071", "DCM", "Finding")
COMMENT = CodedName("121106", "DCM", "Comment")
AREA = CodedName("42798000", "SCT", "Area")
PROBABILITY = CodedName("122157", "DCM", "Probability")

# Who answered (TID 4019, TID 1004), and who changed it (TID 1003).
PERSON = CodedName("121006", "DCM", "Person")
PERSON_NAME = CodedName("121008", "DCM", "Person Observer Name")
DEVICE = CodedName("121007", "DCM", "Device")
ALGORITHM_NAME = CodedName("111001", "DCM", "Algorithm Name")
ALGORITHM_VERSION = CodedName("111003", "DCM", "Algorithm Version")
ALGORITHM_PARAMETERS = CodedName("111002", "DCM", "Algorithm Parameters")

# Values and units.
BOUNDED_BY = CodedName("75958009", "SCT", "Bounded by")
CHEST_FILM = CodedName("399208008", "SCT", "Plain chest X-ray")
ARTIFICIAL_INTELLIGENCE = CodedName("123110", "DCM", "Artificial Intelligence")
YES = CodedName("373066001", "SCT", "Yes")
NO = CodedName("373067005", "SCT", "No")
PIXELS = CodedName("{pixels}", "UCUM", "pixels")
NO_UNITS = CodedName("1", "UCUM", "no units")

# What DICOM has no name for.
SCORE = CodedName("SCORE", PRIVATE, "Detection score")
ANSWER = CodedName("ANSWER", PRIVATE, "Answer")
NAME = CodedName("NAME", PRIVATE, "Name")
POSITIVE_SCORE = CodedName("POSITIVE_SCORE", PRIVATE, "Score for the finding")
NEGATIVE_SCORE = CodedName("NEGATIVE_SCORE", PRIVATE, "Score against the finding")
POSITIVE = CodedName("POSITIVE", PRIVATE, "Above the threshold of the model")
ABSTAINS = CodedName("ABSTAINS", PRIVATE, "Undecided by the model")
CALIBRATED = CodedName("CALIBRATED", PRIVATE, "Probability is calibrated")
DESCRIBED_REGION = CodedName("REGION", PRIVATE, "Described region")
"""A box with a sentence, where nobody named what it shows."""

FLAGS = (("positive", POSITIVE), ("abstains", ABSTAINS), ("calibrated", CALIBRATED))
"""What a finding of a document says with yes or no, and its concept."""
NUMBERS = (
    ("probability", PROBABILITY),
    ("positive_score", POSITIVE_SCORE),
    ("negative_score", NEGATIVE_SCORE),
)
"""What a finding of a document says with a number, and its concept."""
