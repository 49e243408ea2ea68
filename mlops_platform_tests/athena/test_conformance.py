"""The conformance corpus: nothing may be wrong, and nearly everything documented must work."""

import functools

import pytest

from mlops_platform_tests.athena.conformance_cases import Case, cases, judge

CASES = cases()
verdict_of = functools.cache(judge)


@pytest.mark.parametrize("family", sorted({c.family for c in CASES}))
def test_no_case_of_a_family_is_wrong(family: str) -> None:
    wrong = []
    for case in CASES:
        if case.family == family:
            verdict, instead = verdict_of(case)
            if verdict == "wrong":
                wrong.append(f"{case.id} {case.sql}\n  expected {_expected(case)}\n  got {instead}")
    assert not wrong, "\n".join(wrong)


def _expected(case: Case) -> object:
    return case.error or (case.types, case.rows)


def test_at_least_97_percent_of_the_documented_cases_work() -> None:
    verdicts = [verdict_of(case)[0] for case in CASES]
    assert len(verdicts) >= 500
    assert verdicts.count("pass") / len(verdicts) >= 0.97


def test_every_case_cites_its_page() -> None:
    assert all(case.doc.startswith("https://") for case in CASES)
