"""The page that answers the mailing list can be posted, and its numbers come from its commands."""

import re

import pytest

from planesched.scenarios import scenarios


@pytest.fixture(scope="module")
def answer(root):
    return (root / "docs" / "answer.md").read_text()


def test_it_fits_a_mail(answer):
    assert [line for line in answer.splitlines() if len(line) > 72] == []


def test_each_question_has_a_command_and_says_what_is_not_known(answer):
    _, *questions = answer.split("\n## ")
    assert len(questions) == 5
    for question in questions:
        assert "\n$ planesched " in question
        assert "Not known:" in question
        prose = re.sub(r"```console\n.*?```", "", question, flags=re.DOTALL)
        assert len(prose.split("\n\n", 1)[1].split()) < 260


def test_a_number_stands_in_what_was_run_or_in_a_scenario(answer):
    """test_snippets.py holds what is shown against what comes out."""
    shown = "".join(re.findall(r"```console\n(.*?)```", answer, re.DOTALL))
    shown += "".join(path.read_text() for path in scenarios().values())
    known = re.sub(r"\s|,(?=\d)", "", shown)
    prose = re.sub(r"```console\n.*?```", "", answer, flags=re.DOTALL)
    numbers = re.findall(r"\d[\d.,]*\s(?:%|us|ms|kHz|of\sthe\sguest\sOS's\s\d+)", prose)
    assert len(numbers) >= 7
    missing = [number for number in numbers if re.sub(r"\s|,(?=\d)", "", number) not in known]
    assert missing == []
