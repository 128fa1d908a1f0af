"""Every worked case holds on both models, and a bad scenario file is named with its place."""

from pathlib import Path

import pytest

from planesched import Policy
from planesched.conformance import Case, Step, conform, dump, load, nearest, run
from planesched.events import MASKS
from planesched.presets import presets

FILES = sorted((Path(__file__).parents[1] / "data" / "conformance").glob("*.toml"))
MODELS = ["core", "reference"]
SCENARIOS = [scenario for path in FILES for scenario in load(path)]

GOOD = """
[[scenario]]
id = "one"
preset = "vsm"
planes = 2
steps = [{ do = "irq 1", run = 1, reason = "interrupt" }]
"""


def write(path, text):
    path.write_text(text)
    return path


def test_all_shared_files_are_here():
    names = {"design-question", "kvm", "partitioned", "rules", "vsm"}
    assert {path.stem for path in FILES} >= names
    assert len(SCENARIOS) >= 68
    assert {scenario.preset for scenario in SCENARIOS} == set(presets())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_scenario(scenario, model):
    assert [str(difference) for difference in run(scenario, model)] == []


@pytest.mark.parametrize("model", MODELS)
def test_report_that_agrees(model):
    report = conform(FILES, model)
    assert report.status == 0
    n_steps = sum(len(scenario.steps) for scenario in SCENARIOS)
    assert str(report) == f"{model}: {len(SCENARIOS)} cases, {n_steps} steps: all agree"


@pytest.mark.parametrize("model", MODELS)
def test_report_that_differs(tmp_path, model):
    text = GOOD.replace("run = 1", 'run = 0, flags = ["nmi"], irq = [1], fault = "ud"')
    path = write(tmp_path / "wrong.toml", text)
    report = conform([path], model)
    assert report.status == 1
    place = f"{path}: one: step 1 (irq 1)"
    assert str(report).splitlines() == [
        f"{place}: run: expected 0, found 1",
        f'{place}: flags: expected ["nmi"], found ["switched", "injected"]',
        f"{place}: irq: expected [1], found []",
        f'{place}: fault: expected "ud", found ""',
        f"{model}: 1 case, 1 step: 1 differs",
    ]


def test_the_example_of_the_docs_holds(tmp_path, root):
    page = root / "docs" / "reference" / "case-files.md"
    text = page.read_text().split("```toml\n")[1].split("```")[0]
    assert conform([write(tmp_path / "docs.toml", text)], "core").status == 0


def test_a_model_is_named():
    with pytest.raises(ValueError, match="model='fast', expected one of core, reference"):
        run(SCENARIOS[0], "fast")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("run = 1", "run = 2", "run=2.*, expected a plane in 0..1"),
        ("run = 1", "ran = 1", "ran=1.*, expected one of do, run, reason"),
        ("run = 1", "irq = 1", "irq=1.*, expected a rising list of planes in 0..1"),
        ("run = 1", "irq = [1, 0]", r"irq=\[1, 0\].*, expected a rising list"),
        ("run = 1", 'flags = ["on"]', r"flags=\['on'\].*, expected a list of switched"),
        ("run = 1", "user = 1", "user=1.*, expected true or false"),
        ('"interrupt"', '"irq"', "reason='irq'.*, expected one of none, call"),
        ('"irq 1"', '"irq"', "do='irq'.*, expected a plane in 0..1 after it"),
        ('"irq 1"', '"irq 2"', "do='irq 2'.*, expected a plane in 0..1 after it"),
        ('"irq 1"', '"halt 1"', "do='halt 1'.*, expected no plane after it"),
        ('"irq 1"', '"poke 1"', "do='poke 1' .*, expected one of resched"),
        ('"irq 1"', '""', "do='' .*, expected one of resched"),
        ('"irq 1"', "1", "do=1.*, expected a str"),
        ('"vsm"', '"vms"', "preset='vms'.*, expected one of kvm_planes"),
        ("planes = 2", "planes = 17", "planes=17 .*, expected a whole number"),
        ("planes = 2", "planes = 2.5", "planes=2.5 .*, expected a whole number"),
        ("planes = 2", "plane = 2", "plane=2.*, expected one of id, title"),
        ("planes = 2", "", "no planes .*, expected a line planes"),
        ("planes = 2", "planes = 2\nonline = [1]", r"online=\[1\].*, expected the boot plane 0"),
        (
            "planes = 2",
            "planes = 2\nonline = [0]\ncurrent = 1",
            "current=1.*, expected a plane that",
        ),
        ("planes = 2", "planes = 2\ncurrent = true", "current=True.*, expected a plane that"),
        ("planes = 2", "planes = 2\nheld = [2]", r"held=\[2\].*, expected a rising list"),
        ("planes = 2", "planes = 2\nbasis = 'word'", "basis='word'.*, expected one of text, code"),
        ("planes = 2", "planes = 2\npolicy = 1", "policy=1.*, expected a table of fields"),
        (
            "planes = 2",
            "planes = 2\npolicy = { ret = 'x' }",
            "policy.ret='x' .*, expected one of resume",
        ),
        (
            "planes = 2",
            "planes = 2\npolicy = { boot = 2 }",
            "policy.boot=2 .*, expected a plane below planes=2",
        ),
        (
            "planes = 2",
            "planes = 2\npolicy = { rat = 'x' }",
            "policy.field='rat' .*, expected one of",
        ),
        ('id = "one"', "id = 1", "id=1.*, expected a str"),
        ("steps = [{", "steps = [{}, 1]\nmore = [{", "more=.*.*, expected one of id"),
        ("steps = [{", "steps = [1, {", "steps=.*.*, expected a list of tables"),
        ("[[scenario]]", "[scenario]", r"found .scenario., expected ..scenario.."),
        ("[[scenario]]", "x = 1\n[[scenario]]", "the key .x., expected one of scenario"),
        ("[[scenario]]", "[[scenario", "2: found .*expected a TOML file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, message):
    assert old in GOOD
    path = write(tmp_path / "bad.toml", GOOD.replace(old, new))
    with pytest.raises(ValueError, match=f"^{path}:.*{message}"):
        load(path)


def test_an_id_is_used_once(tmp_path):
    path = write(tmp_path / "twice.toml", GOOD + GOOD)
    with pytest.raises(ValueError, match="id='one' in case 'one', expected an id of its own"):
        load(path)


def test_a_start_state_made_in_python_is_checked():
    with pytest.raises(ValueError, match=r"steps=.*, expected at least one step"):
        Case("one", "vsm", 2, ())
    with pytest.raises(ValueError, match=r"irqs=.*, expected one of online, runnable"):
        Case("one", "vsm", 2, (Step(),), masks={"irqs": [1]})


def test_a_halted_current_plane_starts_blocked():
    scenario = Case("one", "vsm", 2, (Step("resched", {"blocked": True}),), masks={"halted": [0]})
    assert run(scenario, "reference") == []
    assert run(scenario, "core") == []


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "again.toml"
    for name in FILES:
        before = load(name)
        dump(before, path)
        after = load(path)
        assert [s.id for s in after] == [s.id for s in before]
        for old, new in zip(before, after, strict=True):
            same = ("title", "preset", "policy", "planes", "online", "current", "masks", "steps")
            assert all(getattr(old, key) == getattr(new, key) for key in (*same, "source"))
    assert [item.name for item in tmp_path.iterdir()] == ["again.toml"]


def test_awkward_text_is_written_and_read(tmp_path):
    text = 'a "quoted" \\ back\nline\ttab \x7f \x00 Grüße 🙂 \u2028'
    scenario = Case("one", "vsm", 2, (Step(),), title=text)
    dump([scenario], tmp_path / "awkward.toml")
    assert load(tmp_path / "awkward.toml")[0].title == text


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    target = tmp_path / "there"
    target.mkdir()
    with pytest.raises(OSError, match="there"):
        dump([SCENARIOS[0]], target)
    assert [item.name for item in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("name", presets())
def test_a_policy_is_written_as_the_nearest_preset(name):
    policy = Policy.preset(name, 3).replace(boot=1, scheduler="user", accelerated=["call"])
    preset, changed = nearest(policy, 3)
    scenario = Case("one", preset, 3, (Step(),), policy=changed)
    assert scenario.make_policy() == policy
    assert len(changed) <= 3


def test_masks_of_a_scenario_override_the_current_plane():
    scenario = Case("one", "vsm", 3, (Step(),), current=1, masks={"runnable": [0, 1]})
    values = dict(zip((*MASKS, "current", "status"), scenario.start(), strict=True))
    assert (values["runnable"], values["current"], values["online"]) == (0b11, 1, 0b111)
