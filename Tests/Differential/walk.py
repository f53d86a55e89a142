"""Runs a process, exported as BPMN, in SpiffWorkflow along walks that the product took, and compares after every step.

usage: walk.py PROCESS.bpmn WALKS.json

WALKS.json: [{"join": "all", "branches": ["unit", …], "begin": OPEN, "steps": [{"action", "unit", "open": OPEN}]}]
OPEN: {"state": id, "ended": bool, "units": [units whose opinion is open, sorted]}
A step with a unit answers that unit's opinion, one without the state's own user task. Prints a line a difference.
"""

import json
import sys

from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.specs.mixins.events.end_event import EndEvent
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState


def ready(workflow):
    return [task for task in workflow.get_tasks(state=TaskState.READY) if task.task_spec.manual]


def is_opinion(task):
    """Whether it is one instance of a user task of many."""
    return task.task_spec.name.endswith("[child]")


def state(task):
    return task.task_spec.bpmn_id.removeprefix("state-").removesuffix("-lead")


def open_work(workflow):
    """What is open, as the walk says it: the state, and the units that have not given their opinion."""
    if workflow.is_completed():
        ends = [state(task) for task in workflow.get_tasks(state=TaskState.COMPLETED, spec_class=EndEvent)
                if task.workflow is workflow and task.task_spec.bpmn_id]
        return {"state": ends[0] if len(ends) == 1 else ends, "ended": True, "units": []}
    tasks = ready(workflow)
    own = [state(task) for task in tasks if not is_opinion(task)]
    units = sorted(task.data["unit"] for task in tasks if is_opinion(task))
    return {"state": own[0] if len(own) == 1 else own, "ended": False, "units": units}


def main(path, walks):
    parser = BpmnParser()
    parser.add_bpmn_file(path)
    name = parser.get_process_ids()[0]
    spec, inner = parser.get_spec(name), parser.get_subprocess_specs(name)
    with open(walks) as file:
        walks = json.load(file)
    steps = 0
    for number, walk in enumerate(walks):
        workflow = BpmnWorkflow(spec, inner)
        workflow.task_tree.data.update(join=walk["join"], branches=walk["branches"], action="")
        for task in workflow.get_tasks(state=TaskState.READY):
            task.data.update(join=walk["join"], branches=walk["branches"], action="")
        workflow.do_engine_steps()
        seen = open_work(workflow)
        done = []
        if seen != walk["begin"]:
            print(f"walk {number} begins with {seen}, not {walk['begin']}")
            continue
        for step in walk["steps"]:
            unit = step.get("unit")
            tasks = [task for task in ready(workflow) if (task.data.get("unit") if is_opinion(task) else None) == unit]
            done.append(step["action"] + (f" of {unit}" if unit else ""))
            if len(tasks) != 1:
                print(f"walk {number} after {done}: {len(tasks)} user tasks to answer")
                break
            tasks[0].data["action"] = step["action"]
            tasks[0].run()
            workflow.do_engine_steps()
            steps += 1
            seen = open_work(workflow)
            if seen != step["open"]:
                print(f"walk {number} ({walk['join']}) after {done}: {seen}, not {step['open']}")
                break
    print(f"{len(walks)} walks, {steps} steps", file=sys.stderr)


main(*sys.argv[1:])
