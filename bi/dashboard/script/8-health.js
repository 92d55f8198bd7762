// What the figures rest on: findings of data hygiene, the tool's own sprint report, restated figures, coverage.

const [hygieneRules, hygiene, parity, parityItems, restatements, restatementItems, coverage] = [
  "hygiene_rules",
  "hygiene",
  "parity",
  "parity_items",
  "restatements",
  "restatement_items",
  "coverage",
].map(read);
const SEVERITY = { high: ["off_target", "!", "High"], medium: ["at_risk", "!", "Medium"], low: ["stale", "·", "Low"] };
const MEASURES = {
  committed_points: "Committed points",
  completed_points: "Completed points",
  completed_items: "Completed items",
  not_completed_items: "Not completed items",
  removed_items: "Removed items",
  added_items: "Added items",
  completed_elsewhere_items: "Done outside",
};

function severityChip(severity) {
  const [tone, mark, text] = SEVERITY[severity] ?? ["stale", "·", severity];
  return el("span", { class: `chip ${tone}` }, el("span", { "aria-hidden": "true" }, mark), text);
}
const linkTo = (url, text) => (url ? el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text) : text);
const ownTeams = (row) => {
  const type = scopes[state.scope]?.type;
  return type === "all" || (type === "team" ? row.team === scopes[state.scope].key : teamsInScope().has(row.team));
};
const teamName = (key) => {
  const found = scopes.find((scope) => scope.type === "team" && scope.key === key);
  return found ? scopeName(found) : "–";
};

/** The worklist: rules with their numbers; one rule at a time is listed, the worst first. */
function drawHygiene() {
  const here = hygiene.filter((row) => inScope(row));
  const counts = new Map();
  for (const row of here) counts.set(row.rule, (counts.get(row.rule) ?? 0) + 1);
  const rules = hygieneRules.filter((rule) => counts.has(rule.rule));
  const holder = byId("hygiene");
  if (!rules.length)
    return holder.replaceChildren(el("p", { class: "empty" }, "Nothing to tidy up in this scope. Well kept."));
  if (!rules.some((rule) => rule.rule === state.rule)) state.rule = rules[0].rule;
  const buttons = rules.map((rule) =>
    el(
      "button",
      {
        type: "button",
        class: "rule",
        "aria-pressed": String(rule.rule === state.rule),
        click: () => {
          state.rule = rule.rule;
          drawHygiene();
        },
      },
      severityChip(rule.severity),
      el("span", { class: "rule-name" }, rule.name),
      el("span", { class: "rule-count" }, number(counts.get(rule.rule))),
    ),
  );
  const rule = rules.find((each) => each.rule === state.rule);
  const rows = here.filter((row) => row.rule === rule.rule);
  const body = rows
    .slice(0, TABLE_ROWS)
    .map((row) =>
      el(
        "tr",
        {},
        el("td", { class: "nowrap" }, linkTo(row.url, row.subject ?? "–")),
        el("td", { class: "text" }, row.title ?? "–"),
        el("td", { class: "text" }, row.finding),
        el("td", {}, row.team ? teamName(row.team) : "–"),
        el("td", { class: "nowrap" }, row.owner ? el("code", {}, row.owner) : "–"),
        el("td", { class: "nowrap" }, row.since ? longDay(row.since) : "–"),
      ),
    );
  const heads = [["What"], ["Title"], ["Finding"], ["Team"], ["Owner"], ["Since"]];
  const table = el(
    "div",
    { class: "scroller", tabindex: 0, role: "region", "aria-label": `Findings: ${rule.name}` },
    tableOf(heads, body),
  );
  const cut = rows.length > TABLE_ROWS ? `The first ${TABLE_ROWS} of ${number(rows.length)} rows.` : null;
  holder.replaceChildren(
    el("div", { class: "rules", role: "group", "aria-label": "Rules" }, buttons),
    el(
      "div",
      { class: "rule-about" },
      el("p", {}, rule.description),
      el("p", {}, el("strong", {}, "What to do: "), rule.remedy),
      table,
      cut ? el("p", { class: "hint" }, cut) : null,
    ),
  );
}

/** Our figure beside the tool's own, by sprint; measures that agree are only counted. */
function drawParity() {
  const rows = parity.filter(ownTeams);
  const holder = byId("parity");
  if (!rows.length) {
    const text = "No sprint of this scope has a report of the tool to compare with. Azure DevOps offers none.";
    return holder.replaceChildren(el("p", { class: "empty" }, text));
  }
  const differing = rows.filter((row) => Math.abs(row.ours - row.theirs) > 1e-6 || row.items > 0);
  const amount = (value) => (value === null ? "–" : number(value, 1));
  const body = differing.slice(0, TABLE_ROWS).map((row) => {
    const found = parityItems.filter(
      (item) => item.team === row.team && item.sprint === row.sprint && item.measure === row.measure,
    );
    const why = found.map((item) =>
      el("li", {}, linkTo(item.url, item.ref ?? "?"), ` ${amount(item.ours)} / ${amount(item.theirs)}: ${item.reason}`),
    );
    const rest = Math.abs(row.unexplained) > 1e-6 ? el("p", {}, `${amount(row.unexplained)} not explained by items`) : null;
    return el(
      "tr",
      {},
      el("td", {}, row.sprint, el("small", {}, teamName(row.team))),
      el("td", {}, MEASURES[row.measure] ?? row.measure),
      el("td", { class: "number" }, amount(row.ours)),
      el("td", { class: "number" }, amount(row.theirs)),
      el(
        "td",
        { class: "text" },
        why.length
          ? el("details", {}, el("summary", {}, row.reasons.replaceAll("_", " ")), el("ul", {}, why))
          : (row.reasons ?? "–").replaceAll("_", " "),
        rest,
      ),
    );
  });
  const equal = rows.length - rows.filter((row) => Math.abs(row.ours - row.theirs) > 1e-6).length;
  const sprintsCompared = new Set(rows.map((row) => `${row.team}|${row.sprint}`)).size;
  const summary = `${plural(sprintsCompared, "sprint")} compared: ${number(equal)} of ${plural(rows.length, "figure")} equal the tool’s.`;
  const heads = [["Sprint"], ["Figure"], ["Ours", true], ["The tool’s", true], ["Why they differ"]];
  holder.replaceChildren(
    el("p", { class: "hint" }, summary),
    body.length
      ? el("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Differences" }, tableOf(heads, body))
      : null,
  );
}

const restatedFigures = new Map();
const figureOf = (row) => `${row.kpi}|${row.scope}|${row.type}|${row.sprint ?? row.start}`;
for (const row of restatements) {
  if (!restatedFigures.has(figureOf(row))) restatedFigures.set(figureOf(row), []);
  restatedFigures.get(figureOf(row)).push(row);
}
/** What was published before for this score, the latest first. */
const restatementsOf = (kpi, score) => (score && restatedFigures.get(figureOf({ ...score, kpi }))) || [];
function restatedChip(kpi, score) {
  const [latest] = restatementsOf(kpi, score);
  if (!latest) return null;
  const title = `Restated: ${show(latest.old, kpiById.get(kpi)?.unit)} was published before`;
  return el("span", { class: "chip restated", title }, el("span", { "aria-hidden": "true" }, "↻"), "Restated");
}

function restatementRow(row, isNamed) {
  const unit = kpiById.get(row.kpi)?.unit;
  const found = restatementItems.filter((item) => item.key === row.key);
  const list = found.map((item) =>
    el(
      "li",
      {},
      linkTo(item.url, item.ref ?? "?"),
      ` ${item.change}`,
      item.title ? `: ${item.title}` : null,
      item.what ? el("small", {}, item.what) : null,
      item.records ? el("small", {}, plural(item.records, "new record")) : null,
    ),
  );
  const rest = row.items - found.length;
  if (found.length && rest > 0)
    list.push(el("li", {}, `${number(rest)} more: `, el("code", {}, explainCommand(row.kpi, row))));
  const time = row.sprint === null ? periodName(row.type, row.start) : sprints[row.sprint].name;
  const names = [el("td", {}, kpiName(row.kpi)), el("td", {}, scopeName(scopes[row.scope])), el("td", {}, time)];
  return el(
    "tr",
    {},
    isNamed ? names : null,
    el("td", { class: "number" }, showFinely(row.first, unit)),
    el("td", { class: "number" }, showFinely(row.old, unit)),
    el("td", { class: "number" }, showFinely(row.new, unit)),
    el("td", { class: "nowrap" }, longDay(row.at)),
    el(
      "td",
      { class: "text" },
      list.length ? el("details", {}, el("summary", {}, row.cause), el("ul", {}, list)) : row.cause,
    ),
  );
}
function restatementTable(rows, isNamed = true) {
  const names = isNamed ? [["KPI"], ["Scope"], ["Period"]] : [];
  const heads = [...names, ["First", true], ["Before", true], ["Now", true], ["Data as of"], ["Cause"]];
  const body = rows.slice(0, TABLE_ROWS).map((row) => restatementRow(row, isNamed));
  return el("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Restatements" }, tableOf(heads, body));
}
function drawRestatements() {
  const rows = restatements.filter((row) => row.scope === state.scope || (row.sprint !== null && ownTeams(sprints[row.sprint])));
  byId("restatements").replaceChildren(
    rows.length
      ? restatementTable(rows)
      : el("p", { class: "empty" }, "No published figure of an ended period has changed since in this scope."),
  );
}

/** Coverage per connection, stream and project. */
function drawCoverage() {
  const amount = (value) => (value === null ? "–" : number(value));
  const body = coverage.map((row) =>
    el(
      "tr",
      {},
      el("td", {}, row.connection),
      el("td", {}, row.stream),
      el("td", {}, row.project === "*" ? "all" : row.project),
      el("td", { class: "number" }, amount(row.expected)),
      el("td", { class: "number" }, amount(row.got)),
      el(
        "td",
        { class: "number" },
        row.missing > 0 ? el("span", { class: "chip off_target" }, number(row.missing)) : amount(row.missing),
      ),
      el("td", { class: "number" }, amount(row.deleted)),
      el("td", { class: "number" }, amount(row.skipped)),
      el("td", { class: "text" }, row.reason ?? "–"),
    ),
  );
  const heads = [
    ["Connection"],
    ["Stream"],
    ["Project"],
    ["The source has", true],
    ["Held", true],
    ["Missing", true],
    ["Deleted", true],
    ["Skipped", true],
    ["Reason"],
  ];
  byId("coverage").replaceChildren(
    coverage.length ? tableOf(heads, body) : el("p", { class: "empty" }, "No source has told how much it has."),
  );
}
