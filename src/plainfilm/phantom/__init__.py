"""Phantoms: a seeded 3-D chest, rendered to films, with reports of known ground truth.

`write` makes a whole corpus in a published raw layout; `render` makes one film. Scores on phantoms show
whether a method works in principle; they have no clinical meaning.
"""

from plainfilm.phantom.render import render
from plainfilm.phantom.write import layouts, write

__all__ = ["layouts", "render", "write"]
