"""The ops port: what it serves, the client of its API, and the look at the conservation law."""

from receiver.ops.endpoints import Ops, OpsMeans

__all__ = ["Ops", "OpsMeans"]
