// The scorecard: a card per KPI, a table of teams for sprint KPIs, and what is furthest from target.

const series = new Map();
for (const score of scores) {
  const key = `${score.kpi}|${score.scope}|${score.type}`;
  if (!series.has(key)) series.set(key, []);
  series.get(key).push(score);
}

/** The scores of a KPI in a scope up to the chosen period, oldest first; the last one is the card's. */
function scoresUpTo(kpi, scope = state.scope) {
  if (SPRINT_KPIS.includes(kpi)) {
    const end = state.start ? periodEnd(state.type, state.start) : null;
    const rows = (series.get(`${kpi}|${scope}|sprint`) ?? []).filter((row) => row.sprint !== null);
    return rows.filter((row) => !end || when(sprints[row.sprint].start) < end).sort((a, b) => a.sprint - b.sprint);
  }
  return (series.get(`${kpi}|${scope}|${state.type}`) ?? []).filter((row) => row.start <= state.start);
}
function current(kpi, scope = state.scope) {
  const row = scoresUpTo(kpi, scope).at(-1);
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
  return el(
    "svg",
    { class: "spark", viewBox: "0 0 84 30", preserveAspectRatio: "none", "aria-hidden": "true" },
    target === null ? null : el("line", { x1: 0, x2: 84, y1: y(target), y2: y(target) }),
    el("path", { d: path }),
    last === null ? null : el("circle", { cx: x(shown.length - 1), cy: y(last), r: 2.6 }),
  );
}

function statusChip(score) {
  if (!score || score.value === null) return null;
  if (!STATUS[score.status]) return el("span", { class: "delta" }, "no target");
  const [mark, text] = STATUS[score.status];
  return el("span", { class: `chip ${score.status}` }, el("span", { "aria-hidden": "true" }, mark), text);
}

function delta(score, kpi) {
  if (!score || score.value === null || score.previous === null || score.previous === undefined) return null;
  const unit = kpiById.get(kpi)?.unit;
  const change = score.value - score.previous;
  const isRatio = unit === "ratio" || kpi === "nps" || score.previous === 0;
  const size =
    unit === "ratio"
      ? `${number(Math.abs(change) * 100, 1)} pt`
      : isRatio
        ? number(Math.abs(change), 1)
        : `${number(Math.abs(change / score.previous) * 100)} %`;
  if (/^0( |$)/.test(size)) return el("span", { class: "delta", title: "Against the period before" }, "unchanged");
  const direction = kpiById.get(kpi)?.direction;
  const tone =
    direction === "up" || direction === "down" ? (change > 0 === (direction === "up") ? "better" : "worse") : "";
  return el(
    "span",
    { class: `delta ${tone}`, title: `Before: ${show(score.previous, unit)}` },
    `${change > 0 ? "▲" : "▼"} ${size}`,
  );
}

/** Are the data behind a score more than a day older than the newest of this page? */
const isStale = (score) => score?.as_of && asOf && when(asOf) - when(score.as_of) > 86_400_000;

function card(kpi) {
  const rows = scoresUpTo(kpi);
  const score = current(kpi);
  const [amount, unit] = parts(score?.value, kpiById.get(kpi)?.unit);
  const trust = score?.trust === null || score?.trust === undefined ? null : `trust ${percent(score.trust)}`;
  const sprint = isOfSprint(score) ? sprints[score.sprint].name : null;
  const meta = [sprint, trust, score && `as of ${shortDay(score.as_of)}`].filter(Boolean).join(" · ");
  return el(
    "button",
    {
      type: "button",
      class: "card",
      "data-kpi": kpi,
      "aria-haspopup": "dialog",
      click: () => openEvidence(kpi, score),
    },
    el("span", { class: "card-name", title: kpiById.get(kpi)?.name }, kpiName(kpi)),
    el(
      "span",
      { class: "card-main" },
      el("span", { class: amount === "–" ? "value none" : "value" }, amount, unit ? el("small", {}, unit) : null),
      sparkline(rows),
    ),
    el(
      "span",
      { class: "card-foot" },
      statusChip(score),
      restatedChip(kpi, score),
      isStale(score) ? el("span", { class: "chip stale" }, "! Stale") : null,
      delta(score, kpi),
      score ? null : el("span", { class: "delta" }, "No data in this period"),
    ),
    el("span", { class: "card-meta", title: meta }, meta || "–"),
  );
}

/** Where the scope has no sprints of its own: the latest sprint of each of its teams. */
function teamTable(kpiIds) {
  const keys = scopes[state.scope]?.type === "all" ? null : teamsInScope();
  const teams = scopes
    .map((scope, position) => ({ ...scope, position }))
    .filter((scope) => scope.type === "team" && (!keys || keys.has(scope.key)));
  const rows = teams.filter((team) => kpiIds.some((kpi) => current(kpi, team.position)));
  if (!rows.length) return el("p", { class: "empty" }, "No sprint has been started in this scope and period.");
  const body = rows.map((team) => {
    const found = kpiIds.map((kpi) => current(kpi, team.position));
    const sprint = Math.max(...found.filter(Boolean).map((score) => score.sprint));
    const chooseTeam = linkButton(scopeName(team), () => choose({ scope: team.position }));
    const cells = found.map((score, position) => el("td", { class: "number" }, teamValue(kpiIds[position], score)));
    return el("tr", {}, el("td", {}, chooseTeam), el("td", {}, sprints[sprint].name), cells);
  });
  const heads = [["Team"], ["Latest sprint"], ...kpiIds.map((kpi) => [kpiName(kpi), true])];
  const label = "Latest sprint of each team";
  return el("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": label }, tableOf(heads, body));
}
function teamValue(kpi, score) {
  if (!score || score.value === null) return "–";
  const mark = STATUS[score.status];
  const chip = mark && el("span", { class: `chip ${score.status}`, role: "img", "aria-label": mark[1] }, mark[0]);
  const value = show(score.value, kpiById.get(kpi)?.unit);
  return [
    linkButton(value, () => openEvidence(kpi, score), { "data-kpi": kpi }),
    " ",
    chip,
    restatementsOf(kpi, score).length ? el("span", { class: "restated-mark", title: "Restated" }, " ↻") : null,
  ];
}

/** What misses its target by most in the chosen period, in any scope within the chosen one. */
function attention() {
  const candidates = scopes.flatMap((scope, position) => {
    if (position === state.scope || !isWithin(scope)) return [];
    return kpis
      .map((kpi) => current(kpi.kpi_id, position))
      .filter((score) => score?.status === "off_target" && score.target);
  });
  const miss = (score) => Math.abs(score.value - score.target) / Math.abs(score.target);
  return candidates.sort((a, b) => miss(b) - miss(a)).slice(0, 4);
}
/** Is a scope part of the chosen one? Teams are by their items, as portfolios have no teams of their own. */
function isWithin(scope) {
  const chosen = scopes[state.scope];
  if (chosen?.type === "all") return true;
  return scope.type === "team" && chosen?.type !== "team" && teamsInScope().has(scope.key);
}
const teamsInScope = () => new Set(items.filter((item) => inScope(item)).map((item) => item.team));

function attentionCard() {
  const rows = attention();
  if (!rows.length) return null;
  const lines = rows.map((score) => {
    const unit = kpiById.get(score.kpi)?.unit;
    const name = `${scopeName(scopes[score.scope])}: ${kpiName(score.kpi)}`;
    const open = linkButton(name, () => openEvidence(score.kpi, score), { "data-kpi": score.kpi });
    return el("li", {}, open, el("span", {}, `${show(score.value, unit)}, target ${show(score.target, unit)}`));
  });
  return el("div", { class: "attention" }, el("h4", {}, "Furthest from target"), el("ul", {}, lines));
}

function drawCards() {
  const known = new Set(kpis.map((kpi) => kpi.kpi_id));
  const grouped = new Set(FAMILIES.flatMap(([, ids]) => ids));
  const families = [
    ...FAMILIES,
    ["Further", [...known].filter((kpi) => !grouped.has(kpi) && series.has(`${kpi}|${state.scope}|${state.type}`))],
  ];
  byId("cards").replaceChildren(
    ...families
      .map(([title, ids]) => {
        const here = ids.filter((kpi) => known.has(kpi));
        if (!here.length) return null;
        const isByTeam = title === "Sprints" && scopes[state.scope]?.type !== "team";
        return el(
          "div",
          { class: "family" },
          el("h3", {}, title),
          isByTeam
            ? teamTable(here)
            : el("div", { class: "cards" }, here.map(card), title === "Customers" ? attentionCard() : null),
        );
      })
      .filter(Boolean),
  );
  if (!kpis.length) byId("cards").replaceChildren(el("p", { class: "empty" }, "Nothing has been published yet."));
}
