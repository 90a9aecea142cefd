"""What monitoring makes of titer's numbers, by other people's programs. Arguments: the board for Grafana, a file of what /metrics told.

Prometheus' own reader of OpenMetrics takes the numbers; OpenTelemetry's own exporter says how its names are spelled; Grafana's own SDK reads the
board; a reader of PromQL says which numbers its panels ask for. Prints the names that were told, one a line.
"""

import json
import sys

import prometheus_client
import promql_parser
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.semconv._incubating.attributes import cicd_attributes as attributes
from opentelemetry.semconv._incubating.attributes import error_attributes
from opentelemetry.semconv._incubating.metrics import cicd_metrics
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

# What the library of Prometheus tells of its own process.
OWN = ("python_", "process_")
# Of a label that a board may ask for although nobody tells it: who scrapes adds it.
ADDED = {"instance"}
# What a board has around itself where it is imported by hand.
AROUND = {"__elements", "__requires"}


def families(text):
    return {it.name: it for it in text_string_to_metric_families(text)}


def labels(family):
    return {name for sample in family.samples for name in sample.labels}


def opentelemetry():
    """The conventions' instruments, filled and exported by their own authors' code."""
    reader = PrometheusMetricReader(disable_target_info=True)
    meter = MeterProvider([reader]).get_meter("titer")
    run = {attributes.CICD_PIPELINE_NAME: "fast", attributes.CICD_PIPELINE_RUN_STATE: attributes.CicdPipelineRunStateValues.EXECUTING.value}
    ended = {**run, attributes.CICD_PIPELINE_RESULT: attributes.CicdPipelineResultValues.FAILURE.value, error_attributes.ERROR_TYPE: "_OTHER"}
    meter.create_histogram(cicd_metrics.CICD_PIPELINE_RUN_DURATION, unit="s").record(1, ended)
    cicd_metrics.create_cicd_pipeline_run_active(meter).add(1, run)
    cicd_metrics.create_cicd_worker_count(meter).add(1, {attributes.CICD_WORKER_STATE: attributes.CicdWorkerStateValues.BUSY.value})
    told = families(generate_latest(prometheus_client.REGISTRY).decode())
    return {name: it for name, it in told.items() if not name.startswith(OWN)}


def conforms(told):
    wanted = opentelemetry()
    assert len(wanted) == 3, wanted
    values = {
        "cicd_pipeline_run_state": {it.value for it in attributes.CicdPipelineRunStateValues},
        "cicd_pipeline_result": {it.value for it in attributes.CicdPipelineResultValues},
        "cicd_worker_state": {it.value for it in attributes.CicdWorkerStateValues},
    }
    for name, family in wanted.items():
        ours = told[name]
        assert (ours.type, ours.unit) == (family.type, family.unit), (name, ours.type, ours.unit, family.type, family.unit)
        theirs = {it for it in labels(family) if not it.startswith("otel_scope")}
        assert labels(ours) <= theirs, (name, labels(ours) - theirs)
        for sample in ours.samples:
            for label, value in sample.labels.items():
                assert value in values.get(label, {value}), (name, label, value)
    others = {name for name in told if name.startswith("cicd_")} - set(wanted)
    assert not others, others


def selectors(node):
    """Every selector in an expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        below = getattr(node, name, None)
        if below is not None:
            yield from selectors(below)
    for below in getattr(node, "args", None) or []:
        yield from selectors(below)


def lost(ours, theirs, place=""):
    """What Grafana's own reader did not take from the board."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name, it in ours.items():
            if name not in theirs:
                yield f"{place}/{name}"
            else:
                yield from lost(it, theirs[name], f"{place}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (it, other) in enumerate(zip(ours, theirs)):
            yield from lost(it, other, f"{place}/{at}")
    elif ours != theirs:
        yield f"{place}: {ours!r} became {theirs!r}"


def stands(board, told):
    register_default_plugins()
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board)))
    gone = [it for it in lost({name: it for name, it in board.items() if name not in AROUND}, read)]
    assert not gone, gone
    known = {value for value in vars(units).values() if isinstance(value, str)}
    samples = {sample.name: set() for family in told.values() for sample in family.samples}
    for family in told.values():
        for sample in family.samples:
            samples[sample.name] |= set(sample.labels)
    # What nobody has seen yet has no sample, and still its name.
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
    for family in told.values():
        for suffix in suffixes.get(family.type, [""]):
            samples.setdefault(family.name + suffix, None)
    ids, asked, titles = [], set(), []
    for panel in board["panels"]:
        ids.append(panel["id"])
        assert panel["title"], panel
        if panel["type"] == "row":
            continue
        titles.append(panel["title"])
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in known, panel["title"]
        assert panel["targets"] and panel["datasource"]["uid"] == "${datasource}", panel["title"]
        for target in panel["targets"]:
            query = promql_parser.parse(target["expr"].replace("$__rate_interval", "5m"))
            found = list(selectors(query))
            assert found, target["expr"]
            for selector in found:
                assert selector.name in samples, f"{panel['title']}: /metrics does not tell {selector.name}"
                matched = {matcher.name for matcher in selector.matchers.matchers}
                assert "instance" in matched, target["expr"]
                has = samples[selector.name]
                assert has is None or matched <= has | ADDED, f"{panel['title']}: {selector.name} has no {matched - has}"
                asked.add(selector.name)
    assert len(ids) == len(set(ids)) and titles, ids
    boxes = [panel["gridPos"] for panel in board["panels"]]
    for at, one in enumerate(boxes):
        assert one["x"] + one["w"] <= 24, one
        for other in boxes[at + 1:]:
            apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"] or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert apart, (one, other)
    return asked


def main(board, metrics):
    with open(metrics, encoding="utf-8") as file:
        told = families(file.read())
    with open(board, encoding="utf-8") as file:
        asked = stands(json.load(file), told)
    conforms(told)
    assert len(asked) > 25, asked
    for name in sorted(told):
        print(name)


main(*sys.argv[1:])
