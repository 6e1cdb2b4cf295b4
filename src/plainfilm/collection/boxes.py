"""The boxes of a collection that count.

Where several readers drew on a film, a collection keeps the boxes of each under the reader's name, and beside
them the boxes that all of them were fused to. One finding then has several boxes, of which training and
evaluation must see one.
"""

from __future__ import annotations

import pandas as pd

from plainfilm.collection.collection import Collection
from plainfilm.sources.common.reader_annotations import FUSION


def agreed_boxes(collection: Collection) -> pd.DataFrame:
    """The table of boxes without those of single readers whose boxes were fused.

    A reader is anyone who drew on a film with fused boxes; where fusing left out what too few readers drew
    (`fusion_readers`), these boxes do not count on any film.
    """
    boxes = collection.frame("boxes")
    fused = boxes.loc[boxes["annotator"] == FUSION, "image_id"]
    if not len(fused):
        return boxes
    on_fused = boxes["image_id"].isin(set(fused)) & boxes["annotator"].notna()
    readers = set(boxes.loc[on_fused, "annotator"]) - {FUSION}
    return boxes[~boxes["annotator"].isin(readers)].reset_index(drop=True)
