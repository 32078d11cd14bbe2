"""What can go wrong in the language layer. Knows no message of a customer: errors never quote text.

NlpError
├── EncoderError    the sentence encoder is missing, or its weights are not the ones we trust
├── HeadsError      a folder of task heads is missing, damaged, or made for another encoder
├── ModelError      a reply model's folder, or a request to the model, can't be used
└── RegistryError   a model version can't be published, found or verified
"""

from __future__ import annotations


class NlpError(Exception):
    """Any failure of the language layer."""


class EncoderError(NlpError):
    """The sentence encoder can't be loaded; the message says what to do."""


class HeadsError(NlpError):
    """A folder of task heads can't be used; the message says which file and why."""


class ModelError(NlpError):
    """A reply model or a request to it can't be used; the message says why."""


class RegistryError(NlpError):
    """A model version can't be published, found or verified; the message says which and why."""


def one_line(error: Exception) -> str:
    """What a library's error says, as one line that is not too long to show."""
    return " ".join(str(error).split())[:200] or type(error).__name__
