"""Options of `crmc bench`: numbers, lists of numbers, names of references, and what is refused."""

import pytest
from support.cli_cases import assert_bad_input, call

from crmc.bench import options


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--markers", "", "whole number"),
        ("--markers", "1e4,x", "whole number"),
        ("--markers", "63", "64"),
        ("--markers", "1e11", "10000000000"),
        ("--markers", "100.5", "whole number"),
        ("--markers", "nan", "whole number"),
        ("--repeat", "0", "from 1"),
        ("--repeat", "-1", "from 1"),
        ("--steps", "inf", "whole number"),
        ("--against", "fortran", "numba"),
        ("--against", "", "no such reference"),
    ],
)
def test_bad_options(option: str, value: str, word: str) -> None:
    """One line that names option and rule; nothing is started."""
    assert_bad_input(call("bench", f"{option}={value}"), option, word)


def test_good_options() -> None:
    """Numbers as 1e4 too, spaces, names given twice once, and none."""
    assert options.sizes("64,1e4, 200000") == [64, 10_000, 200_000]
    assert options.whole("--repeat", "1e2") == 100
    assert options.names("c++, numpy,c++") == ["c++", "numpy"]
    assert options.names(" none ") == []
