"""Typed decoders of JSON, made one at a time.

msgspec learns a Struct when its first decoder is made. A thread that makes another one meanwhile meets a Struct that is
half learnt, and the process ends with a segmentation fault (0.22.0). Made decoders may be used by all threads at once.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_lock = threading.Lock()
_made: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(form: type[T]) -> msgspec.json.Decoder[T]:
    """The decoder of a form that the program knows by name; it is kept for ever."""
    found = _made.get(form)
    if found is None:
        with _lock:
            found = _made.setdefault(form, msgspec.json.Decoder(form))
    return found


def passing_decoder(form: type[T]) -> msgspec.json.Decoder[T]:
    """The decoder of a form that is made for one site: it goes when nobody needs it any more."""
    with _lock:
        return msgspec.json.Decoder(form)


def decode(body: bytes | str | msgspec.Raw, form: type[T]) -> T:
    """JSON as `form` (a msgspec Struct or the like). Raises msgspec.DecodeError, UnicodeDecodeError."""
    return decoder(form).decode(body)


def convert(stored: object, form: type[T], *, strict: bool = True) -> T:
    """What JSON was decoded to before, as `form`. Raises msgspec.ValidationError."""
    decoder(form)
    return msgspec.convert(stored, form, strict=strict)
