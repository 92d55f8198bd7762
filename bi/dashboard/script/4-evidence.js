// The evidence sheet: definition, figures, trend and items behind one value.

function evidenceRows(kpi, score) {
  if (!score) return [];
  if (["wip", "wip_age_p85"].includes(kpi))
    return isNow(score)
      ? ageing.map((row) => ({ ...row, role: row.status, contribution: row.hours, unit: "hours" }))
      : [];
  const end = score.sprint === null ? periodEnd(score.type, score.start) : null;
  if (["nps", "csat"].includes(kpi))
    return answers.filter((row) => row.kpi === kpi && row.day >= score.start && when(row.day) < end);
  return evidence.filter(
    (row) =>
      row.kpi === kpi &&
      (score.sprint !== null
        ? row.sprint === score.sprint
        : row.sprint === null && row.day >= score.start && when(row.day) < end),
  );
}
const isNow = (score) => asOf !== null && periodEnd(score.type, score.start) > when(asOf);

function itemLink(item) {
  return item.url
    ? el("a", { href: item.url, target: "_blank", rel: "noopener noreferrer" }, item.ref ?? item.url)
    : (item.ref ?? "–");
}

function evidenceTable(kpi, score) {
  const scope = scopes[score?.scope ?? state.scope];
  const rows = evidenceRows(kpi, score)
    .map((row) => (row.item === undefined ? row : withItem(row)))
    .filter((row) => isOfSprint(score) || inScope(row, scope));
  if (!rows.length) return el("p", { class: "empty" }, noEvidence(kpi, score));
  const isOfItems = rows[0].item !== undefined;
  const unit = rows[0].unit ?? (isOfItems ? kpiById.get(kpi)?.unit : null);
  const dated = rows[0].day && ["Date"];
  const heads = [["Item"], ["Origin"], ["Title"], ["Part"], dated, ["Contribution", true], isOfItems && ["History"]].filter(Boolean);
  const history = (row) =>
    untrusted.has(row.item)
      ? el("span", { class: "chip stale", title: untrusted.get(row.item) }, "! incomplete")
      : "complete";
  // One unit for the whole column, so that figures can be compared.
  const inDays = unit === "hours" && rows.some((row) => row.contribution >= 48);
  const amount = (value) =>
    inDays && value !== null ? `${number(value / 24, 1)} days` : show(value, unit === "ratio" ? "" : unit);
  const cells = (row) => [
    el("td", { class: "nowrap" }, isOfItems ? itemLink(row) : "Answer"),
    el("td", {}, originButton(row, score, `${explainCommand(kpi, score)} --item ${quoted(row.ref)}`, heads.length)),
    el("td", { class: "text" }, row.title ?? row.survey ?? "–"),
    el("td", {}, (row.role ?? "–").replaceAll("_", " ")),
    row.day ? el("td", { class: "nowrap" }, longDay(row.day)) : null,
    el("td", { class: "number" }, amount(row.contribution)),
    isOfItems ? el("td", {}, history(row)) : null,
  ];
  const body = rows.slice(0, TABLE_ROWS).map((row) => el("tr", {}, cells(row)));
  const cut = `The first ${TABLE_ROWS} of ${number(rows.length)} rows; table kpi_evidence holds all of them.`;
  const size = el("p", { class: "hint" }, rows.length > TABLE_ROWS ? cut : plural(rows.length, "row"));
  return el("div", {}, size, el("div", { class: "scroller" }, tableOf(heads, body)));
}
function noEvidence(kpi, score) {
  if (!score || score.value === null) return "There is no value in this period, so nothing lies behind it.";
  if (["wip", "wip_age_p85"].includes(kpi))
    return "For a past period the evidence is the stays in progress or waiting at its end: the command below lists them.";
  return "The rows of this period are not part of this page: the command below lists them.";
}

/** A word of a command, whatever is in it. */
const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
/** What a scope or sprint is called in a command: its name, or its key where another of `peers` has that name, too. */
function calledIn(each, peers) {
  const isNamesake = (other) => other !== each && other.name?.toLowerCase() === each.name?.toLowerCase();
  return quoted(each.name === null || peers.some(isNamesake) ? each.key : each.name);
}
function explainCommand(kpi, score) {
  const scope = scopes[score?.scope ?? state.scope];
  const ofItsType = scopes.filter((other) => other.type === scope?.type);
  const where = scope && scope.type !== "all" ? ` --${scope.type} ${calledIn(scope, ofItsType)}` : "";
  const sprint = isOfSprint(score) ? sprints[score.sprint] : null;
  const time = sprint
    ? ` --sprint ${calledIn(sprint, sprints.filter((other) => other.team === sprint.team))}`
    : ` --period ${explainPeriod(score?.type ?? state.type, score?.start ?? state.start)}`;
  const policy = data.policy === "default" ? "" : ` --policy ${quoted(data.policy)}`;
  return `pmo explain ${kpi}${where}${time}${policy}`;
}

const explainPeriod = (type, start) =>
  type === "quarter" ? `${start.slice(0, 4)}-Q${Math.ceil(Number(start.slice(5, 7)) / 3)}` : start.slice(0, 7);

/** Numerator, denominator and all else that is known of a score, as [term, value]. */
function factsOf(kpi, score) {
  const unit = kpiById.get(kpi)?.unit;
  const scope = scopes[score?.scope ?? state.scope];
  const plain = (value, digits) => (value === null || value === undefined ? "–" : number(value, digits));
  const period = periodName(score?.type ?? state.type, score?.start ?? state.start);
  const fraction = [
    ["Numerator", plain(score?.numerator, 2)],
    ["Denominator", plain(score?.denominator, 2)],
  ];
  return [
    ["Scope", scope ? scopeName(scope) : "–"],
    isOfSprint(score) ? ["Sprint", sprints[score.sprint].name] : ["Period", period],
    ...(score?.denominator === null || !score ? [] : fraction),
    ["Sample", plain(score?.sample)],
    ["Period before", show(score?.previous, unit)],
    ["Target", score?.target === null || !score ? "none set" : show(score.target, unit)],
    ["Trust", score?.trust === null || !score ? "–" : `${percent(score.trust)} have a complete history`],
    ["Data as of", instant(score?.as_of)],
    ...answersBehind(kpi, score),
  ];
}
const isOfSprint = (score) => score?.sprint !== null && score?.sprint !== undefined;

function answersBehind(kpi, score) {
  const isSame = (row) => row.scope === score?.scope && row.type === score?.type && row.start === score?.start;
  const row = satisfaction.find((each) => each.metric === kpi && isSame(each));
  if (!row) return [];
  if (kpi !== "nps" || row.promoters === null) return [["Answers", number(row.responses)]];
  return [
    ["Answers", `${row.promoters} promoters, ${row.passives} passives, ${row.detractors} detractors`],
    ["Margin (95 %)", row.nps_margin === null ? "–" : `± ${number(row.nps_margin, 1)}`],
  ];
}

function explainHint(kpi, score) {
  const text = "All of it in a terminal, down to the raw records: ";
  return el("p", { class: "hint" }, text, el("code", {}, explainCommand(kpi, score)));
}

function openEvidence(kpi, score) {
  const about = kpiById.get(kpi) ?? {};
  const [amount, unit] = parts(score?.value, about.unit);
  const dialog = byId("evidence");
  const title = el("h2", { id: "evidence-title" }, about.name ?? kpi);
  const value = el("p", { class: "value" }, amount, unit ? el("small", {}, unit) : null, " ", statusChip(score));
  const close = el("button", { class: "close", type: "button", "aria-label": "Close" }, "×");
  close.addEventListener("click", () => dialog.close());
  const facts = factsOf(kpi, score).map(([term, text]) => el("div", {}, el("dt", {}, term), el("dd", {}, text)));
  const plot = el("div", { class: "plot" });
  const origin = `Definition version ${about.definition_version ?? "–"} · policy ${data.policy} · owner ${about.owner ?? "–"}`;
  const body = [
    el("p", {}, about.definition ?? ""),
    about.formula ? el("p", { class: "hint" }, "Formula: ", el("code", {}, about.formula)) : null,
    el("dl", { class: "facts" }, facts),
    el("h3", {}, "Trend"),
    plot,
    restatementsOf(kpi, score).length ? el("h3", {}, "Published before") : null,
    restatementsOf(kpi, score).length ? restatementTable(restatementsOf(kpi, score), false) : null,
    el("h3", {}, "What is behind it"),
    evidenceTable(kpi, score),
    explainHint(kpi, score),
    el("p", { class: "hint" }, origin),
  ];
  dialog.replaceChildren(
    el("div", { class: "sheet-head" }, el("div", {}, title, value), close),
    el("div", { class: "sheet-body", tabindex: 0 }, body),
  );
  dialog.showModal();
  drawTrend(plot, kpi, score);
}

function drawTrend(plot, kpi, score) {
  const unit = kpiById.get(kpi)?.unit;
  const scaled = (value) => (value === null ? null : value * (unit === "hours" ? 1 / 24 : unit === "ratio" ? 100 : 1));
  const periods = scoresUpTo(kpi, score?.scope ?? state.scope)
    .slice(-13)
    .map((row) => ({
      label: shortLabel(row),
      value: scaled(row.value),
      target: scaled(row.target),
      text: show(row.value, unit),
    }));
  const isTrend = periods.filter((row) => row.value !== null).length > 1;
  const layers = periods.some((row) => row.target !== null) ? 2 : 1;
  const title = unit === "hours" ? "Days" : unit === "ratio" ? "%" : null;
  draw("trend", plot, { periods }, isTrend, "One period alone is no trend.", { axisY: title, label: "Trend", layers });
}
function shortLabel(row) {
  if (row.sprint !== null) return sprints[row.sprint].name;
  if (row.type === "quarter") return periodName(row.type, row.start).replace(" (so far)", "");
  return formatDate(row.start, { month: "short", year: "2-digit" });
}
