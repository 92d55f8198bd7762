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

const [connections, kpis, scopes, scores, sprints, burndown, items, delivered, flow, cumulativeFlow, ageing, satisfaction, evidence] = [
  "connections", "kpis", "scopes", "scores", "sprints", "burndown", "items", "delivered", "flow", "cumulative_flow",
  "ageing", "satisfaction", "evidence"].map(read);
const kpiById = new Map(kpis.map((kpi) => [kpi.kpi_id, kpi]));
const untrusted = new Map(read("untrusted").map((row) => [row.item, row.reason]));
const FAMILIES = [
  ["Flow", ["cycle_time_p50", "cycle_time_p85", "lead_time_p85", "throughput", "flow_efficiency"]],
  ["In progress, quality", ["wip", "wip_age_p85", "defect_ratio", "reopen_ratio", "data_trust"]],
  ["Sprints", ["velocity", "say_do", "scope_change", "predictability", "sprint_remaining"]],
  ["Customers", ["nps", "csat"]],
];
const SPRINT_KPIS = FAMILIES[2][1];
const SHORT = { cycle_time_p50: "Cycle time, median", cycle_time_p85: "Cycle time, 85 %", lead_time_p85: "Lead time, 85 %", wip_age_p85: "Age of work, 85 %" };
const STATUS = { on_target: ["✓", "On target"], at_risk: ["!", "At risk"], off_target: ["✕", "Off target"] };
const state = { scope: 0, type: "month", start: null, sprint: null };

// --- small helpers -----------------------------------------------------------------------------

/** An element; `attributes` whose value is a function are event handlers, children become text nodes. */
function el(tag, attributes = {}, ...children) {
  const node = tag === "svg" || SVG_TAGS.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
const SVG_TAGS = new Set(["path", "line", "circle"]);

const isDay = (text) => typeof text === "string" && /^\d{4}-\d\d-\d\d$/.test(text);
/** A day or UTC instant as a Date whose local digits are those of the text, so nothing shifts by a zone. */
const when = (text) => new Date(isDay(text) ? `${text}T00:00:00` : text);
const formatDate = (text, options) => (text ? new Intl.DateTimeFormat("en-GB", options).format(when(text)) : "–");
const shortDay = (text) => formatDate(text, { day: "numeric", month: "short" });
const longDay = (text) => formatDate(text, { day: "numeric", month: "short", year: "numeric" });
const instant = (text) => (text ? `${formatDate(text, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" })} UTC` : "never");
const number = (value, digits = 0) => new Intl.NumberFormat("en-US", { maximumFractionDigits: digits, minimumFractionDigits: 0 }).format(value);
const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** A value and its unit as people read it: hours beyond two days in days, ratios as per cent. */
function parts(value, unit) {
  if (value === null || value === undefined) return ["–", ""];
  if (unit === "hours") return Math.abs(value) >= 48 ? [number(value / 24, 1), "days"] : [number(value, 1), "h"];
  if (unit === "ratio") return [number(value * 100, Math.abs(value) < 0.1 ? 1 : 0), "%"];
  if (unit === "points") return [number(value, 1), "points"];
  if (unit === "items") return [number(value), "items"];
  return [number(value, 1), unit === "score" || !unit ? "" : unit];
}
const show = (value, unit) => parts(value, unit).join(" ").trim();

function periodEnd(type, start) {
  const date = when(start);
  date.setMonth(date.getMonth() + (type === "quarter" ? 3 : 1));
  return date;
}
function periodName(type, start) {
  const name = type === "quarter" ? `Q${Math.floor(when(start).getMonth() / 3) + 1} ${start.slice(0, 4)}` : formatDate(start, { month: "long", year: "numeric" });
  return asOf && periodEnd(type, start) > when(asOf) ? `${name} (so far)` : name;
}
const asOf = connections.map((row) => row.watermark_at).filter(Boolean).sort().at(-1) ?? null;

const scopeName = (scope) => (scope.type === "all" ? "Everything" : scope.name ?? scope.key);
/** Does a row with team, project and portfolio keys belong to the scope? */
function inScope(row, scope = scopes[state.scope]) {
  return !scope || scope.type === "all" || row[scope.type] === scope.key;
}
/** An evidence or delivery row with its item's keys; the team is the one of that time. */
const withItem = (row) => ({ ...items[row.item], ...row, team: row.team ?? items[row.item]?.team });

// --- scorecard ---------------------------------------------------------------------------------

const series = new Map();
for (const score of scores) {
  const key = `${score.kpi}|${score.scope}|${score.type}`;
  if (!series.has(key)) series.set(key, []);
  series.get(key).push(score);
}

/** The scores of a KPI in a scope up to the chosen period, oldest first; the last one is the card's. */
function history(kpi, scope = state.scope) {
  if (SPRINT_KPIS.includes(kpi)) {
    const end = state.start ? periodEnd(state.type, state.start) : null;
    const rows = (series.get(`${kpi}|${scope}|sprint`) ?? []).filter((row) => row.sprint !== null);
    return rows.filter((row) => !end || when(sprints[row.sprint].start) < end).sort((a, b) => a.sprint - b.sprint);
  }
  return (series.get(`${kpi}|${scope}|${state.type}`) ?? []).filter((row) => row.start <= state.start);
}
function current(kpi, scope = state.scope) {
  const row = history(kpi, scope).at(-1);
  return row && (SPRINT_KPIS.includes(kpi) || row.start === state.start) ? row : null;
}
const kpiName = (kpi) => SHORT[kpi] ?? kpiById.get(kpi)?.name ?? kpi;

function sparkline(rows) {
  const shown = rows.slice(-12);
  const values = shown.map((row) => row.value).filter((value) => value !== null);
  if (values.length < 2) return null;
  const target = shown.at(-1).target;
  const all = target === null ? values : [...values, target];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const x = (position) => 2 + (position * 80) / Math.max(shown.length - 1, 1);
  const y = (value) => (high === low ? 15 : 27 - ((value - low) / (high - low)) * 24);
  let path = "";
  let isOpen = false;
  shown.forEach((row, position) => {
    if (row.value !== null) path += `${isOpen ? "L" : "M"}${x(position).toFixed(1)} ${y(row.value).toFixed(1)}`;
    isOpen = row.value !== null;
  });
  const last = shown.at(-1).value;
  return el("svg", { class: "spark", viewBox: "0 0 84 30", preserveAspectRatio: "none", "aria-hidden": "true" },
    target === null ? null : el("line", { x1: 0, x2: 84, y1: y(target), y2: y(target) }),
    el("path", { d: path }),
    last === null ? null : el("circle", { cx: x(shown.length - 1), cy: y(last), r: 2.6 }));
}

function statusChip(score) {
  const known = score && STATUS[score.status];
  return known ? el("span", { class: `chip ${score.status}` }, el("span", { "aria-hidden": "true" }, known[0]), known[1]) : null;
}

function delta(score, kpi) {
  if (!score || score.value === null || score.previous === null || score.previous === undefined) return null;
  const unit = kpiById.get(kpi)?.unit;
  const change = score.value - score.previous;
  const isRatio = unit === "ratio" || unit === "score" || score.previous === 0;
  const size = unit === "ratio" ? `${number(Math.abs(change) * 100, 1)} pt` : isRatio ? number(Math.abs(change), 1) : `${number(Math.abs(change / score.previous) * 100)} %`;
  if (/^0( |$)/.test(size)) return el("span", { class: "delta", title: "Against the period before" }, "unchanged");
  const direction = kpiById.get(kpi)?.direction;
  const tone = direction === "up" || direction === "down" ? ((change > 0) === (direction === "up") ? "better" : "worse") : "";
  return el("span", { class: `delta ${tone}`, title: `Before: ${show(score.previous, unit)}` }, `${change > 0 ? "▲" : "▼"} ${size}`);
}

function card(kpi) {
  const rows = history(kpi);
  const score = current(kpi);
  const [amount, unit] = parts(score?.value, kpiById.get(kpi)?.unit);
  const trust = score?.trust === null || score?.trust === undefined ? null : `trust ${number(Math.floor(score.trust * 1000) / 10, 1)} %`;
  const sprint = score?.sprint !== null && score?.sprint !== undefined ? sprints[score.sprint].name : null;
  const meta = [sprint, trust, score && `as of ${shortDay(score.as_of)}`].filter(Boolean).join(" · ");
  return el("button", { type: "button", class: "card", "data-kpi": kpi, "aria-haspopup": "dialog", click: () => openEvidence(kpi, score) },
    el("span", { class: "card-name", title: kpiById.get(kpi)?.name }, kpiName(kpi)),
    el("span", { class: "card-main" },
      el("span", { class: amount === "–" ? "value none" : "value" }, amount, unit ? el("small", {}, unit) : null), sparkline(rows)),
    el("span", { class: "card-foot" }, statusChip(score), delta(score, kpi), score ? null : el("span", { class: "delta" }, "No data in this period")),
    el("span", { class: "card-meta", title: meta }, meta || "–"));
}

/** Where the scope has no sprints of its own: the latest sprint of each of its teams. */
function teamTable(kpiIds) {
  const keys = scopes[state.scope]?.type === "all" ? null : new Set(items.filter((item) => inScope(item)).map((item) => item.team));
  const teams = scopes.map((scope, position) => ({ ...scope, position })).filter((scope) => scope.type === "team" && (!keys || keys.has(scope.key)));
  const rows = teams.filter((team) => kpiIds.some((kpi) => current(kpi, team.position)));
  if (!rows.length) return el("p", { class: "empty" }, "No sprint has been started in this scope and period.");
  const header = el("tr", {}, el("th", {}, "Team"), el("th", {}, "Latest sprint"), kpiIds.map((kpi) => el("th", { class: "number" }, kpiName(kpi))));
  const body = rows.map((team) => {
    const found = kpiIds.map((kpi) => current(kpi, team.position));
    const sprint = Math.max(...found.filter(Boolean).map((score) => score.sprint));
    return el("tr", {}, el("td", {}, el("button", { class: "link", type: "button", click: () => choose({ scope: team.position }) }, scopeName(team))),
      el("td", {}, sprints[sprint].name),
      found.map((score, position) => el("td", { class: "number" }, score && score.value !== null
        ? [el("button", { class: "link", type: "button", "data-kpi": kpiIds[position], click: () => openEvidence(kpiIds[position], score) }, show(score.value, kpiById.get(kpiIds[position])?.unit)), " ", STATUS[score.status] ? el("span", { class: `chip ${score.status}`, title: STATUS[score.status][1] }, STATUS[score.status][0]) : ""]
        : "–")));
  });
  return el("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Latest sprint of each team" }, el("table", {}, el("thead", {}, header), el("tbody", {}, body)));
}

function drawCards() {
  const known = new Set(kpis.map((kpi) => kpi.kpi_id));
  const grouped = new Set(FAMILIES.flatMap(([, ids]) => ids));
  const families = [...FAMILIES, ["Further", [...known].filter((kpi) => !grouped.has(kpi) && series.has(`${kpi}|${state.scope}|${state.type}`))]];
  byId("cards").replaceChildren(...families.map(([title, ids]) => {
    const here = ids.filter((kpi) => known.has(kpi));
    if (!here.length) return null;
    const isByTeam = title === "Sprints" && scopes[state.scope]?.type !== "team";
    return el("div", { class: "family" }, el("h3", {}, title), isByTeam ? teamTable(here) : el("div", { class: "cards" }, here.map(card)));
  }).filter(Boolean));
  if (!kpis.length) byId("cards").replaceChildren(el("p", { class: "empty" }, "Nothing has been published yet."));
}

// --- evidence ----------------------------------------------------------------------------------

function evidenceRows(kpi, score) {
  if (!score) return [];
  if (["wip", "wip_age_p85"].includes(kpi)) return isNow(score) ? ageing.map((row) => ({ ...row, role: row.status, contribution: row.hours, unit: "hours" })) : [];
  const end = score.sprint === null ? periodEnd(score.type, score.start) : null;
  return evidence.filter((row) => row.kpi === kpi && (score.sprint !== null ? row.sprint === score.sprint : row.sprint === null && row.day >= score.start && when(row.day) < end));
}
const isNow = (score) => asOf !== null && periodEnd(score.type, score.start) > when(asOf);

function itemLink(item) {
  return item.url ? el("a", { href: item.url, target: "_blank", rel: "noopener noreferrer" }, item.ref ?? item.url) : item.ref ?? "–";
}

function evidenceTable(kpi, score) {
  const scope = scopes[score?.scope ?? state.scope];
  const rows = evidenceRows(kpi, score).map(withItem).filter((row) => inScope(row, scope));
  if (!rows.length) return el("p", { class: "empty" }, noEvidence(kpi, score));
  const unit = rows[0].unit ?? kpiById.get(kpi)?.unit;
  const columns = ["Item", "Title", "Part", rows[0].day ? "Date" : null, "Contribution", "History"].filter(Boolean);
  const body = rows.slice(0, TABLE_ROWS).map((row) => el("tr", {}, el("td", {}, itemLink(row)), el("td", { class: "text" }, row.title ?? "–"), el("td", {}, (row.role ?? "–").replaceAll("_", " ")),
    row.day ? el("td", {}, longDay(row.day)) : null, el("td", { class: "number" }, show(row.contribution, unit === "ratio" ? "" : unit)),
    el("td", {}, untrusted.has(row.item) ? el("span", { class: "chip stale", title: untrusted.get(row.item) }, "! incomplete") : "complete")));
  return el("div", {}, el("p", { class: "hint" }, rows.length > TABLE_ROWS ? `The first ${TABLE_ROWS} of ${number(rows.length)} rows; table kpi_evidence holds all of them.` : plural(rows.length, "row")),
    el("div", { class: "scroller" }, el("table", {}, el("thead", {}, el("tr", {}, columns.map((name) => el("th", { class: name === "Contribution" ? "number" : null }, name)))), el("tbody", {}, body))));
}
function noEvidence(kpi, score) {
  if (!score || score.value === null) return "There is no value in this period, so nothing lies behind it.";
  if (["nps", "csat"].includes(kpi)) return "The answers are in table fct_survey_response; they carry no names and are not part of this page.";
  if (["wip", "wip_age_p85"].includes(kpi)) return "For a past period the evidence is table fct_state_interval: the stays in progress or waiting at the period’s end.";
  return "The rows of this period are not part of this page; table kpi_evidence holds them.";
}

function explainCommand(kpi, score) {
  const scope = scopes[score?.scope ?? state.scope];
  const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
  const where = scope && ["team", "project"].includes(scope.type) ? ` --${scope.type} ${quoted(scope.name)}` : "";
  const time = score?.sprint !== null && score?.sprint !== undefined ? ` --sprint ${quoted(sprints[score.sprint].name)}` : ` --period ${(score?.start ?? state.start).slice(0, 7)}`;
  return `pmo explain ${kpi}${where}${time}`;
}

function openEvidence(kpi, score) {
  const about = kpiById.get(kpi) ?? {};
  const scope = scopes[score?.scope ?? state.scope];
  const isSprint = score?.sprint !== null && score?.sprint !== undefined;
  const period = isSprint ? sprints[score.sprint].name : periodName(score?.type ?? state.type, score?.start ?? state.start);
  const [amount, unit] = parts(score?.value, about.unit);
  const plainUnit = about.unit === "ratio" ? "" : about.unit;
  const facts = [
    ["Scope", scope ? scopeName(scope) : "–"], [isSprint ? "Sprint" : "Period", period],
    ["Numerator", score?.numerator === null || !score ? "–" : number(score.numerator, 2)], ["Denominator", score?.denominator === null || !score ? "–" : number(score.denominator, 2)],
    ["Sample", score?.sample === null || !score ? "–" : number(score.sample)], ["Period before", show(score?.previous, about.unit)],
    ["Target", score?.target === null || !score ? "none set" : show(score.target, about.unit)],
    ["Trust", score?.trust === null || !score ? "–" : `${number(score.trust * 100, 1)} % have a complete history`], ["Data as of", instant(score?.as_of)],
  ];
  const satisfied = ["nps", "csat"].includes(kpi) ? satisfaction.filter((row) => row.metric === kpi && row.scope === (score?.scope ?? state.scope) && row.type === score?.type && row.start === score?.start) : [];
  for (const row of satisfied) {
    if (kpi === "nps" && row.promoters !== null) facts.push([`Answers, ${row.survey}`, `${row.promoters} promoters, ${row.passives} passives, ${row.detractors} detractors`], ["Margin (95 %)", row.nps_margin === null ? "–" : `± ${number(row.nps_margin, 1)}`]);
    else facts.push([`Answers, ${row.survey}`, number(row.responses)]);
  }
  const chart = el("div", { class: "plot" });
  const dialog = byId("evidence");
  dialog.replaceChildren(
    el("div", { class: "sheet-head" },
      el("div", {}, el("h2", { id: "evidence-title" }, about.name ?? kpi), el("p", { class: "value" }, amount, unit ? el("small", {}, unit) : null, " ", statusChip(score) ?? "")),
      el("button", { class: "close", type: "button", "aria-label": "Close", click: () => dialog.close() }, "×")),
    el("div", { class: "sheet-body", tabindex: 0 },
      el("p", {}, about.definition ?? ""), about.formula ? el("p", { class: "hint" }, "Formula: ", el("code", {}, about.formula)) : null,
      el("dl", { class: "facts" }, facts.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value)))),
      el("h3", {}, "Trend"), chart, el("h3", {}, "What is behind it"), evidenceTable(kpi, score),
      el("h3", {}, "Down to the raw record"), el("p", { class: "hint" }, "In a terminal: ", el("code", {}, explainCommand(kpi, score))),
      el("p", { class: "hint" }, `Definition version ${about.definition_version ?? "–"} · policy ${data.policy} · owner ${about.owner ?? "–"} · unit ${plainUnit || about.unit || "–"}`)));
  dialog.showModal();
  const rows = history(kpi, score?.scope ?? state.scope).slice(-13).map((row) => ({
    label: row.sprint !== null ? sprints[row.sprint].name : row.type === "quarter" ? periodName(row.type, row.start).replace(" (so far)", "") : formatDate(row.start, { month: "short", year: "2-digit" }),
    value: row.value === null ? null : about.unit === "hours" ? row.value / 24 : about.unit === "ratio" ? row.value * 100 : row.value,
    target: row.target === null ? null : about.unit === "hours" ? row.target / 24 : about.unit === "ratio" ? row.target * 100 : row.target,
    text: show(row.value, about.unit) }));
  draw("trend", chart, { periods: rows }, rows.filter((row) => row.value !== null).length > 1, "One period alone is no trend.", { axisY: about.unit === "hours" ? "Days" : about.unit === "ratio" ? "%" : null });
}

// --- charts ------------------------------------------------------------------------------------

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A specification with the style sheet's colours in place of "@name". */
const coloured = (spec) => JSON.parse(JSON.stringify(spec), (key, value) => (typeof value === "string" && /^@[a-z0-9-]+$/.test(value) ? colour(value.slice(1)) : value));

function config() {
  const text = { labelColor: colour("soft"), titleColor: colour("soft"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
  return {
    background: null, font: getComputedStyle(document.body).fontFamily, padding: 2, view: { stroke: null },
    axis: { ...text, domainColor: colour("line"), gridColor: colour("line"), tickColor: colour("line"), titlePadding: 8, labelPadding: 5 },
    axisX: { ticks: true }, axisY: { domain: false, ticks: false }, legend: { ...text, symbolSize: 90, offset: 6, columnPadding: 14 },
  };
}

/** Draw a chart into `node`, or say why there is none. */
async function draw(name, node, datasets, hasData, emptyText, options = {}) {
  if (!hasData) return node.replaceChildren(el("p", { class: "empty" }, emptyText));
  const spec = coloured(specs[name]);
  if (options.axisY !== undefined) setAxisTitle(spec, options.axisY);
  const result = await window.vegaEmbed(node, { ...spec, datasets, config: config() }, {
    ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: { disableDefaultStyle: true, theme: "own" },
    loader: { target: "_blank", rel: "noopener noreferrer" } });
  result.view.description(options.label ?? name);
  return result;
}
function setAxisTitle(spec, title) {
  for (const layer of spec.layer) if (layer.encoding?.y?.axis) layer.encoding.y.axis.title = title;
}

/** A chart of the page, with its figures as a table below for those who cannot see or point. */
function chart(name, datasets, columns, rows, emptyText, options = {}) {
  const article = byId(name);
  const plot = article.querySelector(".plot");
  article.querySelector("details")?.remove();
  draw(name, plot, datasets, rows.length > 0, emptyText, { label: article.querySelector("h3").textContent, ...options });
  if (!rows.length) return;
  const holder = el("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": `${article.querySelector("h3").textContent}: figures` });
  const details = el("details", { toggle: () => {
    if (!details.open || holder.firstChild) return;
    const cells = (row) => columns.map(([, value, isNumber]) => el("td", { class: isNumber ? "number" : "text" }, value(row) ?? "–"));
    holder.append(el("table", {}, el("thead", {}, el("tr", {}, columns.map(([title, , isNumber]) => el("th", { class: isNumber ? "number" : null }, title)))), el("tbody", {}, rows.slice(0, TABLE_ROWS).map((row) => el("tr", {}, cells(row))))));
    if (rows.length > TABLE_ROWS) holder.append(el("p", { class: "hint" }, `The first ${TABLE_ROWS} of ${number(rows.length)} rows.`));
  } }, el("summary", {}, "Figures as a table"), holder);
  article.append(details);
}

/** Teams whose sprints are shown: the chosen one, or else the first of the scope that has any. */
function sprintTeams() {
  const scope = scopes[state.scope];
  if (scope?.type === "team") return [scope.key];
  const keys = scope?.type === "all" ? null : new Set(items.filter((item) => inScope(item)).map((item) => item.team));
  return scopes.filter((each) => each.type === "team" && (!keys || keys.has(each.key)) && sprints.some((sprint) => sprint.team === each.key)).map((each) => each.key);
}
function picker(label, options, value, onChange) {
  const select = el("select", { "aria-label": label, change: (event) => onChange(event.target.value) }, options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)));
  return el("label", {}, `${label} `, select);
}

function drawSprints() {
  const teams = sprintTeams();
  if (!teams.includes(state.team)) state.team = teams[0] ?? null;
  const all = sprints.map((sprint, position) => ({ ...sprint, position })).filter((sprint) => sprint.team === state.team);
  const nameOf = (key) => scopes.find((scope) => scope.type === "team" && scope.key === key)?.name ?? key;
  const teamPicker = () => (scopes[state.scope]?.type === "team" || teams.length < 2 ? [] : [picker("Team", teams.map((key) => [key, nameOf(key)]), state.team, (key) => { state.team = key; state.sprint = null; drawSprints(); })]);
  byId("velocity").querySelector(".tools").replaceChildren(...teamPicker());
  const closed = all.filter((sprint) => sprint.state === "closed").map((sprint) => ({
    name: sprint.name, sprint: shortDay(sprint.closed ?? sprint.planned_end), Committed: sprint.committed_points ?? 0, Completed: sprint.completed_points ?? 0,
    velocity: sprint.velocity_mean_points, spread: sprint.velocity_stddev_points, say_do: sprint.say_do_ratio, row: sprint }));
  chart("velocity", { sprints: closed.map(({ row, ...rest }) => rest) },
    [["Sprint", (row) => row.name], ["Closed", (row) => row.sprint], ["Committed", (row) => number(row.Committed, 1), true], ["Completed", (row) => number(row.Completed, 1), true],
      ["Velocity", (row) => (row.velocity === null ? "–" : number(row.velocity, 1)), true], ["Say-do", (row) => show(row.say_do, "ratio"), true]],
    closed, "No sprint has been closed in this scope yet.");
  const started = all.filter((sprint) => burndown.some((row) => row.sprint === sprint.position)).reverse();
  if (!started.some((sprint) => sprint.position === state.sprint)) state.sprint = started[0]?.position ?? null;
  byId("burndown").querySelector(".tools").replaceChildren(...teamPicker(), ...(started.length ? [picker("Sprint", started.map((sprint) => [String(sprint.position), `${sprint.name}${sprint.state === "active" ? " (active)" : ""}`]), String(state.sprint), (key) => { state.sprint = Number(key); drawBurndown(); })] : []));
  drawBurndown();
}
function drawBurndown() {
  const found = burndown.find((row) => row.sprint === state.sprint);
  const days = found ? found.days.map((day, position) => ({ day: `${day}T00:00:00`, Remaining: found.remaining[position], Ideal: found.ideal[position], Scope: found.scope[position], remaining_items: found.items[position], added: found.added[position], removed: found.removed[position] })) : [];
  chart("burndown", { days }, [["Day", (row) => longDay(row.day)], ["Remaining", (row) => number(row.Remaining, 1), true], ["Items", (row) => row.remaining_items, true], ["Ideal", (row) => (row.Ideal === null ? "–" : number(row.Ideal, 1)), true], ["Scope", (row) => number(row.Scope, 1), true]],
    days, "No sprint has been started in this scope yet.");
}

/** The chosen scope's periods of a kind, as rows. */
function flowPeriods(type) {
  const found = flow.find((row) => row.scope === state.scope && row.type === type);
  return found ? found.starts.map((start, position) => ({ start, p50: found.p50[position], p85: found.p85[position], p95: found.p95[position], delivered: found.delivered[position], arrived: found.arrived[position] })) : [];
}
const PERCENTILES = [["50 %", "p50"], ["85 %", "p85"], ["95 %", "p95"]];

function drawCycleTime() {
  const end = periodEnd(state.type, state.start);
  const periods = flowPeriods(state.type).filter((row) => row.start <= state.start).slice(state.type === "quarter" ? -4 : -6);
  const first = periods[0]?.start ?? state.start;
  const points = delivered.map(withItem).filter((row) => inScope(row) && row.done >= first && when(row.done) < end)
    .map((row) => ({ ref: row.ref, title: row.title, type: row.type, url: row.url, done: row.done, days: row.hours / 24 }));
  const lines = periods.flatMap((row) => PERCENTILES.filter(([, key]) => row[key] !== null).map(([percentile, key]) => ({
    percentile, days: row[key] / 24, period: periodName(state.type, row.start), start: `${row.start}T00:00:00`, end: new Date(Math.min(periodEnd(state.type, row.start), asOf ? when(asOf) : Infinity)).getTime() })));
  chart("cycle_time", { points, lines }, [["Item", itemLink], ["Title", (row) => row.title], ["Type", (row) => row.type], ["Done", (row) => longDay(row.done)], ["Days", (row) => number(row.days, 1), true]],
    [...points].reverse(), "Nothing was delivered in these periods.");
}

function drawThroughput() {
  const weeks = flowPeriods("week").slice(-26).map((row) => {
    const end = when(row.start);
    end.setDate(end.getDate() + 7);
    return { start: `${row.start}T00:00:00`, end: end.getTime(), items: row.delivered, arrived: row.arrived };
  });
  chart("throughput", { weeks }, [["Week of", (row) => longDay(row.start)], ["Delivered", (row) => number(row.items), true], ["Arrived", (row) => number(row.arrived), true]], weeks, "No week has ended yet.");
}

function drawCumulativeFlow() {
  const rows = cumulativeFlow.filter((row) => row.scope === state.scope).flatMap((row) => row.days.map((day, position) => ({ day: `${day}T00:00:00`, stage: row.stage, items: row.items[position] })));
  // Done grows without bound; from the first day shown on, the diagram counts what is added to it.
  const base = Math.min(...rows.filter((row) => row.stage === "done").map((row) => row.items));
  const days = rows.map((row) => (row.stage === "done" && Number.isFinite(base) ? { ...row, items: row.items - base } : row));
  chart("cumulative_flow", { days }, [["Day", (row) => longDay(row.day)], ["Stage", (row) => row.stage.replaceAll("_", " ")], ["Items", (row) => number(row.items), true]], days.slice().reverse(), "No item has been in any stage yet.");
}

function drawAgeing() {
  const points = ageing.map(withItem).filter((row) => inScope(row)).map((row, position) => ({
    ref: row.ref, title: row.title, url: row.url, status: row.status, days: row.hours / 24, rank: row.rank, blocked: row.blocked ? "Blocked" : "Moving", spread: ((position * 7) % 11) / 10 }));
  points.sort((a, b) => b.days - a.days);
  const period = flowPeriods("quarter").filter((row) => row.p95 !== null).at(-1);
  const top = Math.max(...points.map((row) => row.days), period ? (period.p95 / 24) * 1.1 : 0);
  const edges = period ? [0, period.p50 / 24, period.p85 / 24, period.p95 / 24, Math.max(top, period.p95 / 24)] : [];
  const names = ["up to 50 %", "50 to 85 %", "85 to 95 %", "over 95 %"];
  const bands = period ? names.map((band, position) => ({ band, from: edges[position], to: edges[position + 1], text: `${band} of the items delivered in ${periodName("quarter", period.start)}: ${number(edges[position], 1)} to ${number(edges[position + 1], 1)} days` })) : [];
  chart("ageing", { points, bands }, [["Item", itemLink], ["Title", (row) => row.title], ["Status", (row) => row.status], ["Age, days", (row) => number(row.days, 1), true], ["State", (row) => row.blocked]], points, "Nothing is in progress.");
}

function drawSatisfaction() {
  const here = satisfaction.filter((row) => row.scope === state.scope && row.type === state.type);
  const surveys = [...new Set(here.map((row) => `${row.metric}|${row.survey}`))].filter((key) => /^(nps|csat)\|/.test(key)).sort().reverse();
  if (!surveys.includes(state.survey)) state.survey = surveys[0] ?? null;
  const label = (key) => `${key.startsWith("nps") ? "NPS" : "CSAT"} · ${key.slice(key.indexOf("|") + 1)}`;
  byId("satisfaction").querySelector(".tools").replaceChildren(...(surveys.length ? [picker("Survey", surveys.map((key) => [key, label(key)]), state.survey, (key) => { state.survey = key; drawSatisfaction(); })] : []));
  const isNps = state.survey?.startsWith("nps");
  const periods = here.filter((row) => `${row.metric}|${row.survey}` === state.survey && (isNps ? row.nps : row.csat_ratio) !== null).map((row) => {
    const value = isNps ? row.nps : row.csat_ratio * 100;
    const margin = isNps ? row.nps_margin : null;
    return { label: periodName(row.type, row.start), start: `${row.start}T00:00:00`, value, low: value - (margin ?? 0), high: value + (margin ?? 0), responses: row.responses,
      text: isNps ? `${number(value, 1)}${margin === null ? "" : ` ± ${number(margin, 1)}`}` : `${number(value, 1)} %` };
  });
  chart("satisfaction", { periods }, [["Period", (row) => row.label], ["Value", (row) => row.text, true], ["Responses", (row) => number(row.responses), true]], periods, "No answers in this scope.", { axisY: isNps ? "NPS" : "Satisfied, %" });
}

// --- page --------------------------------------------------------------------------------------

function drawConnections() {
  const stale = connections.filter((row) => row.is_stale);
  byId("alerts").replaceChildren(...stale.map((row) => el("p", { class: "alert" }, el("strong", {}, `${row.name ?? row.connection_id} is stale.`), ` Its figures are those of ${instant(row.last_good_at ?? row.watermark_at)}; the others are newer.`)));
  byId("as-of").textContent = `Data as of ${instant(asOf)}`;
  const kinds = { jira: "Jira", azure_devops: "Azure DevOps", survey_file: "Survey files" };
  const rows = connections.map((row) => el("tr", {}, el("td", {}, row.url ? el("a", { href: row.url, target: "_blank", rel: "noopener noreferrer" }, row.name ?? row.connection_id) : row.name ?? row.connection_id),
    el("td", {}, kinds[row.kind] ?? row.kind ?? "–"), el("td", {}, row.is_stale ? el("span", { class: "chip stale" }, "! Stale") : el("span", { class: "chip on_target" }, "✓ Fresh")), el("td", {}, instant(row.watermark_at)),
    el("td", { class: "number" }, row.item_count === null ? "–" : number(row.item_count)), el("td", { class: "number" }, row.coverage_ratio === null ? "–" : `${number(Math.floor(row.coverage_ratio * 1000) / 10, 1)} %`)));
  byId("connections").replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ["Connection", "Tool", "State", "Data as of", "Records", "Coverage"].map((name, position) => el("th", { class: position > 3 ? "number" : null }, name)))), el("tbody", {}, rows)));
  byId("notes").replaceChildren(...[`Published ${instant(data.run.published_at)} by run ${data.run.run_id}. Policy ${data.policy}.`, ...data.notes].map((note) => el("p", {}, note)));
}

function periodsOf(type) {
  return [...new Set(scores.filter((row) => row.type === type && row.sprint === null).map((row) => row.start))].sort();
}
/** The period to begin with: the current one from its middle on, before that the last complete one. */
function usualPeriod(type) {
  const periods = periodsOf(type);
  const last = periods.at(-1);
  if (!last || periods.length < 2 || !asOf) return last ?? null;
  const share = (when(asOf) - when(last)) / (periodEnd(type, last) - when(last));
  return share >= 0.5 ? last : periods.at(-2);
}

function fillFilters() {
  const groups = [["all", ""], ["portfolio", "Portfolios"], ["team", "Teams"], ["project", "Projects"]];
  byId("scope").replaceChildren(...groups.flatMap(([type, title]) => {
    const options = scopes.map((scope, position) => [scope, position]).filter(([scope]) => scope.type === type).map(([scope, position]) => el("option", { value: position }, scopeName(scope)));
    return type === "all" || !options.length ? options : [el("optgroup", { label: title }, options)];
  }));
  byId("scope").value = String(state.scope);
  byId("type").value = state.type;
  const periods = periodsOf(state.type);
  byId("period").replaceChildren(...periods.slice().reverse().map((start) => el("option", { value: start, selected: start === state.start }, periodName(state.type, start))));
  byId("earlier").disabled = periods.indexOf(state.start) <= 0;
  byId("later").disabled = periods.indexOf(state.start) >= periods.length - 1;
}

function drawCharts() {
  for (const step of [drawSprints, drawCycleTime, drawThroughput, drawCumulativeFlow, drawAgeing, drawSatisfaction]) step();
}
/** Change what is shown; the address keeps it, so a view can be shared or bookmarked. */
function choose(change) {
  Object.assign(state, change);
  if (!periodsOf(state.type).includes(state.start)) state.start = usualPeriod(state.type);
  const scope = scopes[state.scope];
  history_replace(new URLSearchParams({ scope: scope ? `${scope.type}:${scope.key}` : "all", by: state.type, period: state.start ?? "" }));
  fillFilters();
  drawCards();
  if (state.start) drawCharts();
}
const history_replace = (query) => window.history.replaceState(null, "", `#${query}`);

function fromAddress() {
  const query = new URLSearchParams(location.hash.slice(1));
  const position = scopes.findIndex((scope) => `${scope.type}:${scope.key}` === query.get("scope"));
  return { scope: Math.max(position, 0), type: query.get("by") === "quarter" ? "quarter" : "month", start: query.get("period") };
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").setAttribute("aria-pressed", String(theme === "dark"));
}
const darkWanted = window.matchMedia("(prefers-color-scheme: dark)");
let chosenTheme = null;
setTheme(darkWanted.matches ? "dark" : "light");
darkWanted.addEventListener("change", () => { if (!chosenTheme) { setTheme(darkWanted.matches ? "dark" : "light"); if (state.start) drawCharts(); } });
byId("theme").addEventListener("click", () => { chosenTheme = document.documentElement.dataset.theme === "dark" ? "light" : "dark"; setTheme(chosenTheme); if (state.start) drawCharts(); });
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("scope").addEventListener("change", (event) => choose({ scope: Number(event.target.value), sprint: null }));
byId("type").addEventListener("change", (event) => choose({ type: event.target.value, start: null }));
byId("period").addEventListener("change", (event) => choose({ start: event.target.value }));
for (const [id, step] of [["earlier", -1], ["later", 1]]) byId(id).addEventListener("click", () => { const periods = periodsOf(state.type); choose({ start: periods[periods.indexOf(state.start) + step] ?? state.start }); });
byId("evidence").addEventListener("click", (event) => { if (event.target === byId("evidence")) byId("evidence").close(); });

drawConnections();
choose(fromAddress());
document.documentElement.dataset.ready = "true";
