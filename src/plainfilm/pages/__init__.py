"""HTML pages: one base template, one stylesheet, films as inline SVG.

A page is a single HTML file that makes no network requests and runs no script; its content security policy
forbids both. A template lies beside the code that fills it (`results/page.html`) and extends
`pages/base.html`.
"""

from __future__ import annotations

from plainfilm.pages.films import FilmPicture, film_picture, film_uri
from plainfilm.pages.render import data_uri, render

__all__ = ["FilmPicture", "data_uri", "film_picture", "film_uri", "render"]
