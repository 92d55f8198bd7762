"""The dashboard's charts as Vega-Lite specifications, written with Altair and without data.

Each chart names its data sets (`points`, `lines` …); the page's script fills them with the rows of
the chosen scope and period. Colours, fonts and sizes come from the page's style sheet, so that light
and dark are decided in one place; here stand only meaning and marks. `"@name"` stands for the colour
`--name` of the style sheet.
"""

from __future__ import annotations

from typing import Any

import altair as alt

STAGES = ["done", "waiting", "in_progress", "todo", "backlog"]  # bottom to top of the flow diagram
DAYS = "days"


def chart_specs() -> dict[str, dict[str, Any]]:
    """Vega-Lite specification per chart name, ready for JSON."""
    charts = {
        "velocity": _velocity(),
        "burndown": _burndown(),
        "cycle_time": _cycle_time(),
        "cumulative_flow": _cumulative_flow(),
        "ageing": _ageing(),
        "throughput": _throughput(),
        "satisfaction": _satisfaction(),
        "trend": _trend(),
    }
    return {name: chart.to_dict() for name, chart in charts.items()}


def _data(name: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(name))


def _wide(*layers: alt.Chart, height: int = 260) -> Any:
    return alt.layer(*layers).properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )


def _day(field: str = "day", title: str | None = None) -> alt.X:
    axis = alt.Axis(title=title, labelOverlap="greedy", tickCount=8, grid=False, format="%-d %b")
    return alt.X(f"{field}:T", axis=axis)


def _amount(field: str, title: str) -> alt.Y:
    return alt.Y(f"{field}:Q", axis=alt.Axis(title=title, tickCount=5))


def _velocity() -> Any:
    sprint = alt.X("sprint:N", sort=None, axis=alt.Axis(title=None, labelAngle=0, labelOverlap=True, labelLimit=90))
    kind = alt.Scale(domain=["Committed", "Completed"], range=["@quiet", "@accent"])
    bars = (
        _data("sprints")
        .transform_fold(["Committed", "Completed"], as_=["kind", "points"])
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=sprint,
            xOffset=alt.XOffset("kind:N", sort=["Committed", "Completed"]),
            y=_amount("points", "Points"),
            color=alt.Color("kind:N", scale=kind, legend=alt.Legend(title=None, orient="top", symbolType="square")),
            tooltip=[
                alt.Tooltip("name:N", title="Sprint"),
                alt.Tooltip("kind:N", title="Measure"),
                alt.Tooltip("points:Q", title="Points", format=",.1f"),
                alt.Tooltip("say_do:Q", title="Say-do", format=".0%"),
            ],
        )
    )
    mean = (
        _data("sprints")
        .mark_line(color="@strong", strokeWidth=2, point={"size": 28, "filled": True, "color": "@strong"})
        .encode(
            x=sprint,
            y="velocity:Q",
            tooltip=[
                alt.Tooltip("name:N", title="Sprint"),
                alt.Tooltip("velocity:Q", title="Velocity (mean)", format=",.1f"),
                alt.Tooltip("spread:Q", title="Standard deviation", format=",.1f"),
            ],
        )
    )
    return _wide(bars, mean)


def _burndown() -> Any:
    # A tick a day at most: of a short sprint the labels would say the same day twice.
    axis = alt.Axis(title=None, labelOverlap="greedy", labelSeparation=8, tickCount="day", grid=False, format="%-d %b")
    base = _data("days").encode(x=alt.X("day:T", axis=axis))
    series = alt.Scale(domain=["Remaining", "Ideal", "Scope"], range=["@accent", "@quiet", "@warm"])
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolSize=400)
    lines = (
        base.transform_fold(["Remaining", "Ideal", "Scope"], as_=["kind", "points"])
        .mark_line(strokeWidth=2)
        .encode(
            y=_amount("points", "Points"),
            color=alt.Color("kind:N", scale=series, legend=legend),
            strokeDash=alt.StrokeDash(
                "kind:N",
                scale=alt.Scale(domain=["Remaining", "Ideal", "Scope"], range=[[1, 0], [5, 4], [2, 3]]),
                legend=legend,
            ),
        )
    )
    hover = base.mark_point(size=60, filled=True, color="@accent").encode(
        y="Remaining:Q",
        tooltip=[
            alt.Tooltip("day:T", title="Day end", format="%a %d %b %Y"),
            alt.Tooltip("Remaining:Q", title="Remaining points", format=",.1f"),
            alt.Tooltip("remaining_items:Q", title="Remaining items"),
            alt.Tooltip("Ideal:Q", title="Ideal", format=",.1f"),
            alt.Tooltip("added:Q", title="Added points", format=",.1f"),
            alt.Tooltip("removed:Q", title="Removed points", format=",.1f"),
        ],
    )
    return _wide(lines, hover)


def _percentiles(x: str, x2: str) -> list[alt.Chart]:
    lines = _data("lines")
    rule = lines.mark_rule(strokeWidth=2, color="@strong").encode(
        x=f"{x}:T",
        x2=f"{x2}:T",
        y="days:Q",
        strokeDash=alt.StrokeDash(
            "percentile:N",
            sort=["50 %", "85 %", "95 %"],
            scale=alt.Scale(domain=["50 %", "85 %", "95 %"], range=[[1, 0], [6, 3], [2, 3]]),
            legend=alt.Legend(title="Percentile", orient="top", symbolType="stroke", symbolSize=400),
        ),
        tooltip=[
            alt.Tooltip("period:N", title="Period"),
            alt.Tooltip("percentile:N", title="Percentile"),
            alt.Tooltip("days:Q", title="Days", format=",.1f"),
        ],
    )
    return [rule]


def _item_tooltip(*more: alt.Tooltip) -> list[alt.Tooltip]:
    return [alt.Tooltip("ref:N", title="Item"), alt.Tooltip("title:N", title="Title"), *more]


def _cycle_time() -> Any:
    points = (
        _data("points")
        .mark_circle(size=36, opacity=0.4, color="@accent", cursor="pointer")
        .encode(
            x=_day("done"),
            y=alt.Y("days:Q", axis=alt.Axis(title="Cycle time, days", tickCount=5)),
            href="url:N",
            tooltip=_item_tooltip(
                alt.Tooltip("days:Q", title="Cycle time, days", format=",.1f"),
                alt.Tooltip("done:T", title="Done", format="%d %b %Y"),
                alt.Tooltip("type:N", title="Type"),
            ),
        )
    )
    return _wide(points, *_percentiles("start", "end"))


def _cumulative_flow() -> Any:
    colours = ["@stage-done", "@stage-waiting", "@stage-progress", "@stage-todo", "@stage-backlog"]
    labels = {"done": "Done", "waiting": "Waiting", "in_progress": "In progress", "todo": "To do", "backlog": "Backlog"}
    area = (
        _data("days")
        .transform_calculate(order=f"indexof({STAGES}, datum.stage)", name=f"({labels})[datum.stage]")
        .mark_area(line={"strokeWidth": 1}, opacity=0.85)
        .encode(
            x=_day(),
            y=alt.Y("items:Q", stack=True, axis=alt.Axis(title="Items", tickCount=5)),
            order="order:Q",
            color=alt.Color(
                "name:N",
                sort=list(reversed(labels.values())),
                scale=alt.Scale(domain=list(labels.values()), range=colours),
                legend=alt.Legend(title=None, orient="top", symbolType="square"),
            ),
            tooltip=[
                alt.Tooltip("day:T", title="Day end", format="%d %b %Y"),
                alt.Tooltip("name:N", title="Stage"),
                alt.Tooltip("items:Q", title="Items"),
                alt.Tooltip("entered:Q", title="Entered"),
                alt.Tooltip("left:Q", title="Left"),
            ],
        )
    )
    return _wide(area)


def _ageing() -> Any:
    points = (
        _data("points")
        .mark_circle(size=80, opacity=0.8, cursor="pointer")
        .encode(
            x=alt.X("status:N", sort=None, axis=alt.Axis(title=None, labelAngle=0, labelLimit=110)),
            xOffset=alt.XOffset("spread:Q", scale=alt.Scale(domain=[-0.3, 1.3])),
            y=alt.Y("days:Q", scale=alt.Scale(type="sqrt"), axis=alt.Axis(title="Age, days", tickCount=6)),
            href="url:N",
            color=alt.Color(
                "blocked:N",
                scale=alt.Scale(domain=["Moving", "Blocked"], range=["@accent", "@bad"]),
                legend=alt.Legend(title=None, orient="bottom"),
            ),
            tooltip=_item_tooltip(
                alt.Tooltip("days:Q", title="Age, days", format=",.1f"),
                alt.Tooltip("rank:Q", title="Older than, of delivered", format=".0%"),
                alt.Tooltip("idle:Q", title="Days since last change", format=",.1f"),
                alt.Tooltip("blocked:N", title="State"),
            ),
        )
    )
    bands = (
        _data("bands")
        .mark_rect(opacity=0.5)
        .encode(
            y="from:Q",
            y2="to:Q",
            x=alt.value(0),
            x2=alt.value("width"),
            color=alt.Color(
                "band:N",
                scale=alt.Scale(
                    domain=["up to 50 %", "50 to 85 %", "85 to 95 %", "over 95 %"],
                    range=["@band-1", "@band-2", "@band-3", "@band-4"],
                ),
                legend=alt.Legend(
                    title="Delivered items took",
                    titleLimit=300,
                    orient="top",
                    symbolType="square",
                    symbolStrokeColor="@quiet",
                    symbolStrokeWidth=1,
                ),
            ),
            tooltip=[alt.Tooltip("text:N", title="Band")],
        )
    )
    return _wide(bands, points).resolve_scale(color="independent")


def _throughput() -> Any:
    bars = (
        _data("weeks")
        .mark_rect(color="@accent", stroke="@surface", strokeWidth=2, cornerRadius=2)
        .encode(
            x=_day("start"),
            x2="end:T",
            y=_amount("items", "Items"),
            y2=alt.Y2Datum(0),
            tooltip=[
                alt.Tooltip("start:T", title="Week of", format="%d %b %Y"),
                alt.Tooltip("items:Q", title="Delivered"),
                alt.Tooltip("arrived:Q", title="Arrived"),
            ],
        )
    )
    arrived = (
        _data("weeks")
        .mark_line(color="@warm", strokeWidth=1.5, interpolate="step-after", strokeDash=[4, 3])
        .encode(x="start:T", y="arrived:Q")
    )
    return _wide(bars, arrived)


def _satisfaction() -> Any:
    base = _data("periods").encode(x=_day("start").axis(format="%b %y", grid=False, title=None, tickCount=6))
    low_high = {"y": alt.Y("low:Q", axis=alt.Axis(title="{measure}", tickCount=5)), "y2": "high:Q"}
    band = base.mark_errorbar(ticks=True, color="@quiet", thickness=1.5).encode(**low_high)
    line = base.mark_line(color="@accent", strokeWidth=2).encode(y="value:Q")
    points = base.mark_circle(size=70, color="@accent", opacity=1).encode(
        y="value:Q",
        tooltip=[
            alt.Tooltip("label:N", title="Period"),
            alt.Tooltip("text:N", title="Value"),
            alt.Tooltip("responses:Q", title="Responses", format=","),
        ],
    )
    return _wide(band, line, points, height=220)


def _trend() -> Any:
    base = _data("periods").encode(
        x=alt.X("label:N", sort=None, axis=alt.Axis(title=None, labelAngle=0, labelOverlap=True))
    )
    line = base.mark_line(color="@accent", strokeWidth=2, point={"size": 40, "filled": True, "color": "@accent"})
    value = line.encode(
        y=alt.Y("value:Q", scale=alt.Scale(zero=False, padding=8), axis=alt.Axis(title=None, tickCount=4)),
        tooltip=[alt.Tooltip("label:N", title="Period"), alt.Tooltip("text:N", title="Value")],
    )
    target = base.mark_line(color="@strong", strokeDash=[5, 4], strokeWidth=1).encode(y="target:Q")
    return _wide(value, target, height=150)
