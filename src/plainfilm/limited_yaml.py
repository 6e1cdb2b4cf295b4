"""Reads YAML within limits: a short text can stand for billions of values, or be nested without end.

An alias stands for all that it names, each time that it is written; what is limited is the size of a text
with all aliases unfolded.
"""

from __future__ import annotations

from typing import Any

import yaml

from plainfilm.errors import ConfigError

MOST_VALUES = 200_000
"""Keys, values and lists, with aliases unfolded."""
DEEPEST = 64


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which stops at the limits."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._unfolded = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node; its unfolded size is counted."""
        peek: Any = self.peek_event
        mark = peek().start_mark
        is_alias = self.check_event(yaml.AliasEvent)
        before = self._unfolded
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested more than {DEEPEST} deep", problem_mark=mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if not is_alias:
            self._unfolded += 1
            self._sizes[id(node)] = self._unfolded - before
        elif id(node) not in self._sizes:
            raise yaml.MarkedYAMLError(problem="an alias that contains itself", problem_mark=mark)
        else:
            self._unfolded += self._sizes[id(node)]
        if self._unfolded > MOST_VALUES:
            raise yaml.MarkedYAMLError(
                problem=f"unfolds to more than {MOST_VALUES} values", problem_mark=mark
            )
        return node


def parse_yaml(text: str) -> Any:
    """The value that `text` says.

    Raises:
        ConfigError: not YAML, or beyond the limits; the message begins with the line.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"line {mark.line + 1}: " if mark is not None else ""
        raise ConfigError(f"{place}not valid YAML ({problem or _first_line(error)})") from None
    except Exception as error:  # of a date of month 13 or a wrong tag PyYAML lets anything through
        raise ConfigError(f"not valid YAML ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
