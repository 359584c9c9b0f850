"""Regular expressions: those that the server would skip are refused, those of RE2 pass."""

import pytest

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.openreplay.patterns import check_pattern


@pytest.mark.parametrize(
    "pattern",
    ["", "berlin", "(?i)berlin", "(?is-m:a.b)", r"\d+\.\w*\s", r"\p{Greek}+", r"\pL\p{Lu}\P{^N}", "[[:alpha:]_-]+",
     "a{3}b{2,5}", "(a{10}){20}", r"(?P<name>\w+)", r"^/product/[a-z0-9\-]+\z", r"\x41\.\\", "[]a]", "用户|é",
     r"a\bc", "[^]]{1000}"],
)  # fmt: skip
def test_what_re2_takes_passes(pattern):
    check_pattern(pattern, "filters")


@pytest.mark.parametrize(
    "pattern",
    ["(", "a**", "(?=x)", "(?<!x)a", r"(a)\1", "(?P<n>a)(?P=n)", "a++", "(?>a)", "a{1001}", "(a{500}){500}",
     "(a{1,100}){1,11}", "(?a)x", "(?x)a", "(?u:a)", "(?L)a", r"\u0041", r"\U00000041", r"\N{DASH}", r"[\b]", r"[\z]",
     "\\é", r"\p{Letter}", r"\p{Foo}", r"\pQ", "[[:foo:]]", "(?P<é>a)", "a" * 257, r"\Z"],
)  # fmt: skip
def test_what_re2_would_refuse_is_refused(pattern):
    with pytest.raises(ArgumentsError, match="regular expression"):
        check_pattern(pattern, "filters")
