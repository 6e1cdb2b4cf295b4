"""A seeded 3-D chest, rendered to films with reports whose truth is known.

`write` makes a whole corpus in a published raw layout; `render` makes one film. Scores on phantoms say
whether a method works at all; they are never clinical.
"""

from plainfilm.phantom.render import render
from plainfilm.phantom.write import layouts, write

__all__ = ["layouts", "render", "write"]
