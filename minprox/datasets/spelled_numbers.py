"""English number names, letter by letter: a language that a small Transformer can learn to the end."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minprox.datasets.base import Dataset, generator, make_dataset
from minprox.ground.arguments import whole

ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
LETTERS = "\n" + " -" + "abcdefghijklmnopqrstuvwxyz"
LARGEST = 999_999


def number_name(n: int) -> str:
    """Return the English name of a number from 0 to 999,999.

    Parameters
    ----------
    n : int

    Returns
    -------
    str

    Raises
    ------
    TypeError, ValueError
        If ``n`` is no integer in that range.

    Examples
    --------
    >>> number_name(402_017)
    'four hundred and two thousand and seventeen'
    """
    n = whole("n", n, least=0)
    if n > LARGEST:
        raise ValueError(f"n must be at most {LARGEST}, found {n}")
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10 - 2] + (f"-{ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (f" and {number_name(n % 100)}" if n % 100 else "")
    rest = n % 1000
    link = " and " if rest < 100 else " "
    return f"{number_name(n // 1000)} thousand" + (f"{link}{number_name(rest)}" if rest else "")


def number_names(
    length: int = 32,
    train: int = 2000,
    validation: int = 200,
    test: int = 200,
    seed: int = 0,
    dtype: DTypeLike = "float32",
) -> Dataset:
    """Draw numbers below a million and cut their names into sequences, to predict each next letter.

    The three splits hold different numbers, so that validation and test ask for names never read before.

    Parameters
    ----------
    length : int
        T, the number of letters in a sequence.
    train, validation, test : int
        Numbers of sequences.
    dtype : {"float32", "float64"}
        In which the letters' numbers are kept, exactly.

    Returns
    -------
    Dataset
        ``x`` of shape (N, T), the numbers of letters; ``y`` of shape (N, T), the letter that
        follows each; ``classes`` holds the letters, a line break being the end of a name.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> data = number_names(length=16, train=20, validation=5, test=5)
    >>> "".join(data.classes[int(k)] for k in data.train.x[0])
    'nine hundred and'
    """
    sizes = {name: whole(name, n) for name, n in
             (("train", train), ("validation", validation), ("test", test))}  # fmt: skip
    length, rng = whole("length", length), generator(seed)
    drawn = iter(rng.permutation(LARGEST + 1).tolist())
    number = {letter: k for k, letter in enumerate(LETTERS)}

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        text: list[int] = []
        while len(text) < count * length + 1:
            text += [number[letter] for letter in number_name(next(drawn)) + "\n"]
        letters = np.array(text[: count * length + 1])
        return letters[:-1].reshape(count, length), letters[1:].reshape(count, length)

    parts = [split(count) for count in sizes.values()]
    return make_dataset("number names", *parts, dtype=dtype, classes=tuple(LETTERS), source="generated")
