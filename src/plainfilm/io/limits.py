"""What a file may ask for, in one place: beyond it, it is refused before it takes memory or time.

Each limit lies well above what films, reports and tables of this field hold. Together they keep one file
below 1 GB of memory; `docs/limits.md` says what a person sees.
"""

from __future__ import annotations

SECONDS_FOR_A_FILM = 30.0
"""A film that takes longer to decode is a rejection; the largest take two seconds."""

# Tables and reports

LONGEST_TEXT = 1 << 20
"""A cell of a table, or a report, of more characters is a rejection; the longest reports have 20,000."""

LONGEST_SCORED = 1 << 15
"""A report of more characters is not compared with another, which takes as long as their product."""

MOST_COLUMNS = 10_000
"""A table of more columns is refused."""

MOST_ENTRIES = 10_000
"""A cell with a longer list makes its row a rejection."""

DEEPEST_LIST = 20
"""A cell with a list of more levels makes its row a rejection."""

# Archives and compressed files

MOST_UNPACKED = 200
"""So many times its size a compressed table or archive may grow to: tables grow to 5 or 20 times."""

UNPACKED_FREELY = 64 << 20
"""A smaller one may grow more, to so many bytes."""

ROWS_FREELY = 100_000
"""A compressed table of more rows has a byte for each: no two rows of a real one are alike."""

LARGEST_FILE = 512 << 20
"""A film, or a member of an archive, of more bytes is refused: it is held in memory; no film is so large."""

MOST_MEMBERS = 1_000_000
"""An archive of more members, and a list of more files to download, is refused."""

# Films

MOST_PIXELS = 2 * 89_478_485
"""A film of more pixels is refused: twice Pillow's own limit, six times the largest detector."""

MOST_MEMORY = 700_000_000
"""A film that would take more bytes to decode is refused: colours of 116 million pixels, WebP of 38."""

MOST_SCANS = 100
"""A progressive JPEG of more scans is refused, they only waste time: encoders write about ten."""

MOST_INFLATED = 256 << 20
"""A deflated DICOM file that holds more bytes is refused; a film of 16 bits has up to 60 million."""

MOST_ELEMENTS = 300_000
"""A DICOM file of more elements and items, read one by one, is refused; films have a few hundred."""

MOST_ITEMS = 20_000
"""A DICOM sequence of more items, read at once to be parsed later, is refused."""

# Models

MOST_OPERATIONS = 20_000_000_000_000
"""A model that needs more additions and multiplications for a film or a text is refused, as that takes
minutes; ViT-g/14 at 518 pixels, the largest in use, needs a sixth."""

LARGEST_ARRAY = 4 << 30
"""A model that makes an array of more bytes of one film or text is refused; ViT-B/16 at 1,536 pixels makes
one of 4.1 billion."""

ARRAYS_TOGETHER = 1 << 30
"""Films are encoded by so many at once, 32 at most, that their largest array has no more bytes."""

MOST_PATCHES = 16_384
"""A model whose films have more patches is refused: what compares them takes their square."""

MOST_TOKENS = 8192
"""A model that reads texts of more tokens is refused; text encoders in use read up to 8,192."""

MOST_TOKENS_WRITTEN = 2048
"""A model that writes texts of more tokens, one by one, is refused; the longest reports have about 1,000."""

# Downloads

LARGEST_LIST = 96 << 20
"""A published list of files of more bytes is refused; that of MIMIC-CXR, the longest, has 78 million."""

LARGEST_DIRECTORY = 32 << 20
"""The directory of a remote archive of more bytes is refused; that of ChestX-ray14 has 12 million."""

MOST_TIMES_EXPECTED = 2.0
"""So many times the size of its corpus, as `download/corpora` states it, an archive may have."""

# DICOMweb archives

LARGEST_OBJECT = 128 << 20
"""An object of an archive of more bytes is refused; a film of 16 bits has up to 60 million."""

LARGEST_RECORDS = 32 << 20
"""A list or a header of an archive of more bytes is refused; a list of 10,000 films has about 12 million."""

MOST_FOUND = 100_000
"""An archive that lists more films of one kind is not asked on; the last week of a large one has 10,000."""

SECONDS_FOR_AN_ANSWER = 300.0
"""An answer of an archive that takes longer to arrive is given up."""

# Server

LARGEST_QUESTION = 8 << 20
"""A request of more bytes that is no film is refused; work on a hundred films has about one million."""

MOST_TEXTS = 64
"""A request that asks for more phrases, or for more boxes, is refused."""

LONGEST_PHRASE = 1000
"""A phrase of more characters is refused; sentences of reports have up to 400."""

SECONDS_TO_RECEIVE = 120.0
"""A request that takes longer to arrive is ended; 512 MiB take 45 seconds at 100 Mbit/s."""

SECONDS_FOR_A_HEAD = 20.0
"""A connection on which the head of a request takes longer is closed."""

SECONDS_TO_ANSWER = 120.0
"""A question that takes longer, with the time that it waits, is given up; most take less than one second."""

MOST_REQUESTS = 1200
"""Requests a minute of one address beyond this many are refused; a person makes about a hundred."""

MOST_WAITING = 32
"""Questions that wait for the model beyond this many are refused; the client may ask again soon."""

MOST_FILMS_HELD = 200
"""A server holds this many films; the one that was not asked about for longest goes first."""

MOST_BYTES_HELD = 4 << 30
"""A server holds films of so many bytes on disk; the one that was not asked about for longest goes first."""

SECONDS_A_FILM_IS_HELD = 8 * 3600.0
"""A film that nobody asks about for so long is removed."""

MOST_STUDIES_LISTED = 50
"""A search in an archive lists this many studies; a narrower one finds the others."""

MOST_FILMS_OF_A_STUDY = 20
"""A study from an archive opens this many films; studies of the chest have one to four."""

MOST_WORKS = 1000
"""A server keeps this many pieces of saved work; another one is refused until one is removed."""

MOST_BYTES_KEPT = 64 << 30
"""A server keeps copies of films of so many bytes with saved work; a film beyond it is not kept."""

MOST_STEPS = 200
"""Saved work keeps this many steps to undo, and as many to do again; the oldest go."""

MOST_JOBS = 8
"""Batch jobs beyond this many that are not finished are refused."""

MOST_JOBS_HELD = 64
"""A server holds the answers of this many finished jobs; the oldest go first."""
