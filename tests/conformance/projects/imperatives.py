"""Workflows that are put together by calls, with node and output names of their own."""

import typing

from flytekit import Workflow

from projects import failure_nodes, launch_plans, parts, subworkflows

happy = Workflow(name="projects.imperatives.happy")
happy.add_workflow_input("x", int)
_sum = happy.add_entity(parts.add, a=happy.inputs["x"], b=happy.inputs["x"])
_inside = happy.add_entity(subworkflows.doubled, x=_sum.outputs["o0"])
_beside = happy.add_entity(launch_plans.sum_plan, x=_sum.outputs["o0"])
happy.add_workflow_output("inside", _inside.outputs["o0"])
happy.add_workflow_output(
    "both", [_inside.outputs["o0"], _beside.outputs["o0"]], python_type=typing.List[int]
)

retry = Workflow(name="projects.imperatives.retry")
retry.add_workflow_input("failures", int)
_flaky = retry.add_entity(parts.flaky, failures=retry.inputs["failures"])
retry.add_workflow_output("attempt", _flaky.outputs["o0"])

fail = Workflow(name="projects.imperatives.fail")
fail.add_workflow_input("b", int)
_quotient = fail.add_entity(parts.divide, a=1, b=fail.inputs["b"])
_never = fail.add_entity(parts.stamp)
_quotient >> _never
fail.add_workflow_output("quotient", _quotient.outputs["o0"])

fail.add_on_failure_handler(failure_nodes.report)

abort = Workflow(name="projects.imperatives.abort")
_long = abort.add_entity(parts.linger, seconds=600)
abort.add_workflow_output("said", _long.outputs["o0"])

recover = Workflow(name="projects.imperatives.recover")
recover.add_workflow_input("doomed", str)
_first = recover.add_entity(parts.stamp)
_second = recover.add_entity(
    parts.stumble, doomed=recover.inputs["doomed"], after=_first.outputs["o0"]
)
recover.add_workflow_output("first", _first.outputs["o0"])
recover.add_workflow_output("second", _second.outputs["o0"])

cache = Workflow(name="projects.imperatives.cache")
cache.add_workflow_input("key", str)
_remembered = cache.add_entity(parts.remembered, key=cache.inputs["key"])
cache.add_workflow_output("value", _remembered.outputs["o0"])
