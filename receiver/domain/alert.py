"""One label set of one source, as a body told it."""

from typing import NamedTuple

# FNV-1a, 64 bits, over name 0xFF value 0xFF in order of the names:
# https://pkg.go.dev/github.com/prometheus/common/model#LabelSet.Fingerprint
FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3
FNV_MASK = (1 << 64) - 1


class Alert(NamedTuple):
    """What a source said of one label set; times are Unix milliseconds."""

    fingerprint: str
    firing: bool
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: int | None = None
    ends_at: int | None = None
    url: str = ""


def shown_labels(labels: dict[str, str]) -> dict[str, str]:
    """Return the labels that people are shown: those with __ in front are machines' own."""
    if any(name.startswith("__") for name in labels):
        return {name: value for name, value in labels.items() if not name.startswith("__")}
    return labels


def fingerprint(labels: dict[str, str]) -> str:
    """Return Prometheus' fingerprint of a label set, 16 hexadecimal digits."""
    value = FNV_OFFSET
    for name in sorted(labels, key=lambda text: text.encode()):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            value = ((value ^ byte) * FNV_PRIME) & FNV_MASK
    return f"{value:016x}"
