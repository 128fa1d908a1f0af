"""What a notebook shows: the tutorial's cells run, and every object is well-formed HTML."""

import ast
import json
from html.parser import HTMLParser

import numpy as np
from matplotlib.figure import Figure

import planesched
from planesched import VM, Policy, Workload, check, compare, diff, explain, simulate, sweep
from planesched.checking import matrix
from planesched.workload import Constant, Periodic

TIMER = Workload([Periodic("level1", Constant(2_000), period="1 ms", name="timer")])


class Page(HTMLParser):
    """Checks that what is opened is closed, and keeps the cells."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += f"{data}\n"


def shown(value):
    return Page(value._repr_html_())


def test_the_tutorial_runs_and_each_cell_shows_something(root):
    notebook = json.loads((root / "docs/tutorial/notebook.ipynb").read_text())
    names, kinds = {}, set()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            value = run_cell("".join(cell["source"]), names)
            if value is not None:
                kinds.add(type(value).__name__)
                if isinstance(value, Figure):
                    assert "<svg" in value._repr_svg_()
                elif hasattr(value, "_repr_html_"):
                    assert Page(value._repr_html_()).tags
    assert kinds >= {"VCPU", "Outcome", "Explanation", "Report", "Results", "Figure", "Policy"}


def run_cell(source, names):
    """Run a cell as a notebook does: the value of its last line is what it shows."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return (
        None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    )


def test_states_and_outcomes():
    vm = VM("kvm_planes", planes=3, vcpus=30)
    vm.vcpus[0].irq(1)
    page = shown(vm.vcpus[0])
    assert "online\nrunnable\nirq" in page.text
    assert page.tags.count("tr") == 1 + 3
    assert "and 10 more" in shown(vm).text
    outcome = VM("vsm").vcpus[0].irq(1)
    assert "interrupt" in shown(outcome).text
    assert "switched, injected" in shown(outcome).text


def test_policies_show_every_field_and_which_are_not_the_first():
    page = shown(Policy.preset("vsm_relay", 3))
    assert page.tags.count("tr") == 1 + len(Policy().as_dict())
    assert page.text.count("*") == 5
    assert "relay\n*" in page.text


def test_reports():
    found = check("kvm_planes", properties=["wakeup", "priority"])
    assert "wakeup\nbroken (3)\npolicy" in shown(found).text
    assert "halt" in shown(found.verdicts["wakeup"]).text
    assert "call 1" in shown(found.verdicts["wakeup"].trace).text
    assert "wakeup" in shown(matrix(["vsm", "tdx"])).text
    assert "states differ" in shown(diff("vsm", "vsm:wake=own")).text


def test_results_and_plots():
    result = simulate("vsm", 2, 1, TIMER, duration="10 ms")
    both = compare(["vsm", "vsm_relay"], 2, 1, TIMER, duration="10 ms")
    swept = sweep({"costs.any": ["1 us", "2 us"]}, "vsm", 2, 1, TIMER, duration="10 ms")
    for each in (result, both, swept):
        assert "timer" in shown(each).text
        assert isinstance(each.plot("A title of its own"), Figure)
    assert "A title of its own" in result.plot("A title of its own")._repr_svg_()
    alone = result.stats.plot()._repr_svg_()
    assert "plane 1" in alone
    assert f"{result.stats.switches:,}" in alone


def test_text_in_html_is_escaped():
    policy = Policy(algorithm=planesched.Algorithm(_first, pure=True, name="<b>&"))
    assert "&lt;b&gt;&amp;" in policy._repr_html_()
    found = explain(policy, VM(policy).state[0], "irq", 1)
    assert "<b>&" in shown(found).text
    assert np.all([story.plane in (0, 1) for story in found.stories])


def _first(state, base, pre, event):
    return ((base | pre) & -(base | pre)).bit_length() - 1
