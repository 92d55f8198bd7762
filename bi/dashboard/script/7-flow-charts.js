// Cycle time, throughput, cumulative flow, ageing work and satisfaction of the chosen scope.

/** The chosen scope's periods of a kind, as rows. */
function flowPeriods(type) {
  const found = flow.find((row) => row.scope === state.scope && row.type === type);
  return found
    ? found.starts.map((start, position) => ({
        start,
        p50: found.p50[position],
        p85: found.p85[position],
        p95: found.p95[position],
        delivered: found.delivered[position],
        arrived: found.arrived[position],
      }))
    : [];
}
const PERCENTILES = [
  ["50 %", "p50"],
  ["85 %", "p85"],
  ["95 %", "p95"],
];

function drawCycleTime() {
  const end = periodEnd(state.type, state.start);
  const periods = flowPeriods(state.type)
    .filter((row) => row.start <= state.start)
    .slice(state.type === "quarter" ? -4 : -6);
  const first = periods[0]?.start ?? state.start;
  const points = delivered
    .map(withItem)
    .filter((row) => inScope(row) && row.done >= first && when(row.done) < end)
    .map((row) => ({
      ref: row.ref,
      title: row.title,
      type: row.type,
      url: row.url,
      done: row.done,
      days: row.hours / 24,
    }));
  const lines = periods.flatMap((row) =>
    PERCENTILES.filter(([, key]) => row[key] !== null).map(([percentile, key]) => ({
      percentile,
      days: row[key] / 24,
      period: periodName(state.type, row.start),
      start: `${row.start}T00:00:00`,
      end: new Date(Math.min(periodEnd(state.type, row.start), asOf ? when(asOf) : Infinity)).getTime(),
    })),
  );
  chart(
    "cycle_time",
    { points, lines },
    [
      ["Item", itemLink],
      ["Title", (row) => row.title],
      ["Type", (row) => row.type],
      ["Done", (row) => longDay(row.done)],
      ["Days", (row) => number(row.days, 1), true],
    ],
    [...points].reverse(),
    "Nothing was delivered in these periods.",
  );
}

function drawThroughput() {
  const weeks = flowPeriods("week")
    .slice(-26)
    .map((row) => {
      const end = when(row.start);
      end.setDate(end.getDate() + 7);
      return { start: `${row.start}T00:00:00`, end: end.getTime(), items: row.delivered, arrived: row.arrived };
    });
  chart(
    "throughput",
    { weeks },
    [
      ["Week of", (row) => longDay(row.start)],
      ["Delivered", (row) => number(row.items), true],
      ["Arrived", (row) => number(row.arrived), true],
    ],
    weeks,
    "No week has ended yet.",
  );
}

function drawCumulativeFlow() {
  const rows = cumulativeFlow
    .filter((row) => row.scope === state.scope)
    .flatMap((row) =>
      row.days.map((day, position) => ({ day: `${day}T00:00:00`, stage: row.stage, items: row.items[position] })),
    );
  // Done grows without bound; from the first day shown on, the diagram counts what is added to it.
  const base = Math.min(...rows.filter((row) => row.stage === "done").map((row) => row.items));
  const days = rows.map((row) =>
    row.stage === "done" && Number.isFinite(base) ? { ...row, items: row.items - base } : row,
  );
  chart(
    "cumulative_flow",
    { days },
    [
      ["Day", (row) => longDay(row.day)],
      ["Stage", (row) => row.stage.replaceAll("_", " ")],
      ["Items", (row) => number(row.items), true],
    ],
    days.slice().reverse(),
    "No item has been in any stage yet.",
  );
}

function drawAgeing() {
  const points = ageing
    .map(withItem)
    .filter((row) => inScope(row))
    .map((row, position) => ({
      ref: row.ref,
      title: row.title,
      url: row.url,
      status: row.status,
      days: row.hours / 24,
      rank: row.rank,
      idle: row.idle,
      blocked: row.blocked ? "Blocked" : "Moving",
      spread: ((position * 7) % 11) / 10,
    }));
  points.sort((a, b) => b.days - a.days);
  const period = flowPeriods("quarter")
    .filter((row) => row.p95 !== null)
    .at(-1);
  const top = Math.max(...points.map((row) => row.days), period ? (period.p95 / 24) * 1.1 : 0);
  const edges = period ? [0, period.p50 / 24, period.p85 / 24, period.p95 / 24, Math.max(top, period.p95 / 24)] : [];
  const names = ["up to 50 %", "50 to 85 %", "85 to 95 %", "over 95 %"];
  const bands = period
    ? names.map((band, position) => ({
        band,
        from: edges[position],
        to: edges[position + 1],
        text: `${band} of the items delivered in ${periodName("quarter", period.start)}: ${number(edges[position], 1)} to ${number(edges[position + 1], 1)} days`,
      }))
    : [];
  chart(
    "ageing",
    { points, bands },
    [
      ["Item", itemLink],
      ["Title", (row) => row.title],
      ["Status", (row) => row.status],
      ["Age, days", (row) => number(row.days, 1), true],
      ["State", (row) => row.blocked],
    ],
    points,
    "Nothing is in progress.",
  );
}

/** The series to choose from: each metric of the scope, and with everything chosen each survey by itself. */
function satisfactionSeries() {
  const isAll = scopes[state.scope]?.type === "all";
  const here = satisfaction.filter(
    (row) => row.type === state.type && (row.survey ? isAll : row.scope === state.scope),
  );
  const keys = new Set(here.map((row) => `${row.metric}|${row.survey ?? ""}`));
  const name = (key) =>
    (key.startsWith("nps") ? "NPS" : "CSAT") + (key.endsWith("|") ? "" : ` · ${key.slice(key.indexOf("|") + 1)}`);
  return { here, options: [...keys].map((key) => [key, name(key)]) };
}

function drawSatisfaction() {
  const { here, options } = satisfactionSeries();
  if (!options.some(([key]) => key === state.survey)) state.survey = options[0]?.[0] ?? null;
  const change = (key) => {
    state.survey = key;
    drawSatisfaction();
  };
  const tools = byId("satisfaction").querySelector(".tools");
  tools.replaceChildren(...(options.length > 1 ? [picker("Measure", options, state.survey, change)] : []));
  const isNps = state.survey?.startsWith("nps");
  const periods = here
    .filter(
      (row) => `${row.metric}|${row.survey ?? ""}` === state.survey && (isNps ? row.nps : row.csat_ratio) !== null,
    )
    .map((row) => {
      const value = isNps ? row.nps : row.csat_ratio * 100;
      const margin = isNps ? row.nps_margin : null;
      return {
        label: periodName(row.type, row.start),
        start: `${row.start}T00:00:00`,
        value,
        low: value - (margin ?? 0),
        high: value + (margin ?? 0),
        responses: row.responses,
        text: isNps
          ? `${number(value, 1)}${margin === null ? "" : ` ± ${number(margin, 1)}`}`
          : `${number(value, 1)} %`,
      };
    });
  chart(
    "satisfaction",
    { periods },
    [
      ["Period", (row) => row.label],
      ["Value", (row) => row.text, true],
      ["Responses", (row) => number(row.responses), true],
    ],
    periods,
    "No answers in this scope.",
    { axisY: isNps ? "NPS" : "Satisfied, %" },
  );
}
