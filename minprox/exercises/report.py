"""What ``minprox check`` tells: a verdict for each function, in words."""

from __future__ import annotations

from dataclasses import dataclass

PASSED, UNWRITTEN, FAILED, RAISED = "passed", "not yet written", "failed", "raised an exception"
UNREACHED = "not reached"  # since the process ended before


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one function.

    Attributes
    ----------
    name : str
    status : {"passed", "not yet written", "failed", "raised an exception", "not reached"}
        A function that did not return counts as one that raised.
    text : tuple of str
        What to tell, line by line: the identity that fails and by how much, and the diagnosis.

    Examples
    --------
    >>> Verdict("implicit_step", UNWRITTEN).passed
    False
    """

    name: str
    status: str
    text: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every identity holds."""
        return self.status == PASSED


@dataclass(frozen=True)
class Report:
    """The verdicts on an exercise file.

    Attributes
    ----------
    file : str
    number, title : str
        Of the exercise.
    verdicts : tuple of Verdict
        One for each function, in the order of the exercise.
    printed : str
        What the student's code printed, at least the end of it.

    Examples
    --------
    >>> report = Report("mine.py", "05", "the proximal step", (Verdict("implicit_step", PASSED),))
    >>> report.passed, report.exit_code
    (True, 0)
    >>> print(report)
    Exercise 05: the proximal step (mine.py)
    <BLANKLINE>
    implicit_step: passed
    <BLANKLINE>
    1 of 1 function passed
    """

    file: str
    number: str
    title: str
    verdicts: tuple[Verdict, ...]
    printed: str = ""

    @property
    def passed(self) -> bool:
        """Whether every function passed."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def exit_code(self) -> int:
        """0 if all passed, 2 if the student's code raised, 1 for all that is between."""
        if any(verdict.status == RAISED for verdict in self.verdicts):
            return 2
        return 0 if self.passed else 1

    @property
    def exception(self) -> str:
        """What the student's code raised, as one line; empty if it raised nothing."""
        lines = [verdict.text[0] for verdict in self.verdicts if verdict.status == RAISED]
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        return lines[0] + more if lines else ""

    def __getitem__(self, name: str) -> Verdict:
        return {verdict.name: verdict for verdict in self.verdicts}[name]

    def __str__(self) -> str:
        blocks = [
            "\n".join([f"{verdict.name}: {verdict.status}", *(f"    {line}" for line in verdict.text)])
            for verdict in self.verdicts
        ]
        done, count = sum(verdict.passed for verdict in self.verdicts), len(self.verdicts)
        total = f"{done} of {count} function{'s' * (count != 1)} passed"
        return "\n\n".join([f"Exercise {self.number}: {self.title} ({self.file})", *blocks, total])
