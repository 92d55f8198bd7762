// The page: connections, filters, address, theme, and the first drawing.

function staleText(row) {
  const at = row.last_good_at ?? row.watermark_at;
  const state = at ? `Its figures are those of ${instant(at)}.` : "None of its data has been accepted yet.";
  return row.held_reason ? `${state} ${row.held_reason}` : state;
}

function drawConnections() {
  const stale = connections.filter((row) => row.is_stale);
  byId("alerts").replaceChildren(
    ...stale.map((row) =>
      el(
        "p",
        { class: "alert" },
        el("strong", {}, `${row.name ?? row.connection_id} is stale.`),
        el("span", {}, staleText(row)),
      ),
    ),
  );
  byId("as-of").textContent = `Data as of ${instant(asOf)}`;
  const kinds = { jira: "Jira", azure_devops: "Azure DevOps", survey_file: "Survey files" };
  const rows = connections.map((row) => {
    const name = row.name ?? row.connection_id;
    const link = row.url && el("a", { href: row.url, target: "_blank", rel: "noopener noreferrer" }, name);
    const [tone, text] = row.is_stale ? ["stale", "! Stale"] : ["on_target", "✓ Fresh"];
    return el(
      "tr",
      {},
      el("td", {}, link || name, el("small", {}, row.connection_id)),
      el("td", {}, kinds[row.kind] ?? row.kind ?? "–"),
      el("td", {}, el("span", { class: `chip ${tone}` }, text)),
      el("td", {}, instant(row.watermark_at)),
      el("td", { class: "number" }, row.item_count ? number(row.item_count) : "–"),
      el("td", { class: "number" }, row.coverage_ratio === null ? "–" : percent(row.coverage_ratio)),
    );
  });
  const heads = [["Connection"], ["Tool"], ["State"], ["Data as of"], ["Items", true], ["Coverage", true]];
  byId("connections").replaceChildren(tableOf(heads, rows));
  byId("notes").replaceChildren(
    ...[
      `Published ${instant(data.run.published_at)} by run ${data.run.run_id}. Policy ${data.policy}.`,
      data.notes.join(". "),
    ].map((note) => el("p", {}, note)),
  );
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
  const isOf = (type) => (scope) => scope.type === type && !scope.is_of_surveys;
  const groups = [
    ["", isOf("all")],
    ["Portfolios", isOf("portfolio")],
    ["Teams", isOf("team")],
    ["Projects", isOf("project")],
    ["Teams named in surveys only", (scope) => scope.is_of_surveys],
  ];
  byId("scope").replaceChildren(
    ...groups.flatMap(([title, belongs]) => {
      const options = scopes
        .map((scope, position) => [scope, position])
        .filter(([scope]) => belongs(scope))
        .map(([scope, position]) => el("option", { value: position }, scopeName(scope)));
      return !title || !options.length ? options : [el("optgroup", { label: title }, options)];
    }),
  );
  byId("scope").value = String(state.scope);
  byId("type").value = state.type;
  const periods = periodsOf(state.type);
  byId("period").replaceChildren(
    ...periods
      .slice()
      .reverse()
      .map((start) => el("option", { value: start, selected: start === state.start }, periodName(state.type, start))),
  );
  byId("earlier").disabled = periods.indexOf(state.start) <= 0;
  byId("later").disabled = periods.indexOf(state.start) >= periods.length - 1;
}

function drawCharts() {
  for (const step of [drawSprints, drawCycleTime, drawThroughput, drawCumulativeFlow, drawAgeing, drawSatisfaction])
    step();
  for (const step of [drawHygiene, drawParity, drawRestatements]) step();
}
/** Change what is shown; the address keeps it, so a view can be shared or bookmarked. */
function choose(change) {
  Object.assign(state, change);
  if (!periodsOf(state.type).includes(state.start)) state.start = usualPeriod(state.type);
  const scope = scopes[state.scope];
  rememberInAddress(
    new URLSearchParams({
      scope: scope ? `${scope.type}:${scope.key}` : "all",
      by: state.type,
      period: state.start ?? "",
    }),
  );
  fillFilters();
  drawCards();
  if (state.start) drawCharts();
}
const rememberInAddress = (query) => window.history.replaceState(null, "", `#${query}`);

function fromAddress() {
  const query = new URLSearchParams(location.hash.slice(1));
  const position = scopes.findIndex((scope) => `${scope.type}:${scope.key}` === query.get("scope"));
  return {
    scope: Math.max(position, 0),
    type: query.get("by") === "quarter" ? "quarter" : "month",
    start: query.get("period"),
  };
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").setAttribute("aria-pressed", String(theme === "dark"));
}
const darkWanted = window.matchMedia("(prefers-color-scheme: dark)");
let chosenTheme = null;
setTheme(darkWanted.matches ? "dark" : "light");
darkWanted.addEventListener("change", () => {
  if (!chosenTheme) {
    setTheme(darkWanted.matches ? "dark" : "light");
    if (state.start) drawCharts();
  }
});
byId("theme").addEventListener("click", () => {
  chosenTheme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  setTheme(chosenTheme);
  if (state.start) drawCharts();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("scope").addEventListener("change", (event) => choose({ scope: Number(event.target.value), sprint: null }));
byId("type").addEventListener("change", (event) => choose({ type: event.target.value, start: null }));
byId("period").addEventListener("change", (event) => choose({ start: event.target.value }));
for (const [id, step] of [
  ["earlier", -1],
  ["later", 1],
])
  byId(id).addEventListener("click", () => {
    const periods = periodsOf(state.type);
    choose({ start: periods[periods.indexOf(state.start) + step] ?? state.start });
  });
byId("evidence").addEventListener("click", (event) => {
  if (event.target === byId("evidence")) byId("evidence").close();
});

drawConnections();
drawCoverage();
choose(fromAddress());
document.documentElement.dataset.ready = "true";
