"""Lookahead (Zhang et al. 2019, arXiv:1907.08610): k steps forward, one step back.

An optimizer moves the fast weights. After every k of its steps the slow weights, which begin as the initial
ones, move the share `alpha` of the way to the fast ones, and these are set to them.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.optim import Optimizer

from plainfilm.config import Settings


class LookaheadConfig(Settings):
    """steps: k, the fast steps before each slow one. alpha: the share of the way that the slow weights go."""

    steps: int = Field(default=5, ge=1)
    alpha: float = Field(default=0.5, gt=0, le=1)


class Lookahead(Optimizer):
    """`inner` with slow weights; both are in its state, so that a resumed run ends in the same weights."""

    def __init__(self, inner: Optimizer, config: LookaheadConfig) -> None:
        # The groups, with their rates, and the state of each weight are those of `inner`; the constructor of
        # torch would make its own.
        self.inner = inner
        self.config = config
        self._fast_steps = 0
        self._slow = [weights.detach().clone() for weights in self._weights()]

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The groups of the inner optimizer."""
        return self.inner.param_groups

    def step(self, closure: Any = None) -> Any:
        """One step of the inner optimizer and, where it is due, one of the slow weights."""
        loss = self.inner.step(closure)
        self._fast_steps += 1
        if self._fast_steps % self.config.steps == 0:
            self._step_back()
        return loss

    @torch.no_grad()
    def _step_back(self) -> None:
        for slow, fast in zip(self._slow, self._weights(), strict=True):
            slow.lerp_(fast, self.config.alpha)
            fast.copy_(slow)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """See torch."""
        self.inner.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The state of the inner optimizer, the slow weights in the order of the groups, and the steps."""
        return {"inner": self.inner.state_dict(), "slow": self._slow, "fast_steps": self._fast_steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises:
            ValueError: it is of other weights.
        """
        slow = state_dict["slow"]
        if [one.shape for one in slow] != [one.shape for one in self._slow]:
            raise ValueError("the slow weights are of another model")
        self.inner.load_state_dict(state_dict["inner"])
        for own, stored in zip(self._slow, slow, strict=True):
            own.copy_(stored)
        self._fast_steps = int(state_dict["fast_steps"])

    def _weights(self) -> list[Tensor]:
        return [weights for group in self.param_groups for weights in group["params"]]
