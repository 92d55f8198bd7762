// The dashboard's behaviour: choose scope and period, draw cards and charts, open the evidence.
// All text from data goes into the page as text nodes; nothing is ever parsed as markup.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const specs = JSON.parse(byId("chart-specs").textContent);
const TABLE_ROWS = 300;

/** A data set's rows as objects. */
function read(name) {
  const { columns, rows } = data[name];
  return rows.map((row) => Object.fromEntries(columns.map((column, position) => [column, row[position]])));
}

const [
  connections,
  kpis,
  scopes,
  scores,
  sprints,
  burndown,
  items,
  delivered,
  flow,
  cumulativeFlow,
  ageing,
  satisfaction,
  evidence,
] = [
  "connections",
  "kpis",
  "scopes",
  "scores",
  "sprints",
  "burndown",
  "items",
  "delivered",
  "flow",
  "cumulative_flow",
  "ageing",
  "satisfaction",
  "evidence",
].map(read);
const kpiById = new Map(kpis.map((kpi) => [kpi.kpi_id, kpi]));
const portfolioParents = new Map(read("portfolios").map((row) => [row.key, row.parent]));
const untrusted = new Map(read("untrusted").map((row) => [row.item, row.reason]));
const FAMILIES = [
  ["Flow", ["cycle_time_p50", "cycle_time_p85", "lead_time_p85", "throughput", "flow_efficiency"]],
  ["In progress, quality", ["wip", "wip_age_p85", "defect_ratio", "reopen_ratio", "data_trust"]],
  ["Customers", ["nps", "csat"]],
  ["Sprints", ["velocity", "say_do", "scope_change", "predictability", "sprint_remaining"]],
];
const SPRINT_KPIS = FAMILIES[3][1];
const SHORT = {
  cycle_time_p50: "Cycle time, median",
  cycle_time_p85: "Cycle time, 85 %",
  lead_time_p85: "Lead time, 85 %",
  wip_age_p85: "Age of work, 85 %",
  sprint_remaining: "Remaining",
};
const STATUS = {
  on_target: ["✓", "On target"],
  at_risk: ["!", "At risk"],
  off_target: ["✕", "Off target"],
};
const state = { scope: 0, type: "month", start: null, sprint: null };
