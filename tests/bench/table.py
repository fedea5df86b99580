"""A figure of the benchmarks, and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """The median of some runs; `against` is the median of what it is compared with."""

    name: str
    value: float
    unit: str
    against: float | None = None
    other: str = ""
    target: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.against if self.against else None

    def __str__(self) -> str:
        line = f"{self.name}: {self.value:.3g} {self.unit}"
        if self.against is not None and self.ratio is not None:
            line += f"; {self.other}: {self.against:.3g} {self.unit}"
            line += f"; ratio {self.ratio:.3g}"
        return line + (f" (to reach: {self.target})" if self.target else "")

    def as_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "against": self.against,
            "other": self.other,
            "ratio": self.ratio,
            "target": self.target,
        }


def figure(
    name: str,
    runs: list[float],
    unit: str,
    against: list[float] | None = None,
    other: str = "",
    target: str = "",
) -> Figure:
    """The medians of runs that were made side by side."""
    compared = median(against) if against else None
    return Figure(name, median(runs), unit, compared, other, target)
