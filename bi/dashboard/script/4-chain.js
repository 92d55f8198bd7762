// From a row of evidence down: what happened to the item, and the raw record that tells each step.

const [steps, answers, records, landings] = ["steps", "answers", "records", "landings"].map(read);
const stepsOf = new Map();
for (const step of steps) {
  if (!stepsOf.has(step.item)) stepsOf.set(step.item, []);
  stepsOf.get(step.item).push(step);
}
const HAPPENED = {
  start: "In the sprint at its start",
  added: "Added to the sprint",
  removed: "Removed from the sprint",
  estimate_changed: "Estimated anew",
  completed: "Completed in the sprint",
  cancelled: "Cancelled in the sprint",
  reopened: "Re-opened in the sprint",
};

/** Run, file and hash of a raw record, by its number. */
function recordLines(position) {
  if (position === null || !records[position]) return null;
  const { id, hash, landing } = records[position];
  const { stream, run, at, file } = landings[landing];
  return el(
    "dl",
    { class: "record" },
    [
      ["Record", `${stream}|${id}`],
      ["Landed", `${instant(at)} by run ${run}`],
      ["File", file],
      ["Hash", hash],
    ].map(([term, text]) => el("div", {}, el("dt", {}, term), el("dd", {}, text))),
  );
}

function stepText(step) {
  if (step.stage !== null) return `${step.what} (${step.stage.replaceAll("_", " ")}) for ${show(step.amount, "hours")}`;
  const points = step.amount ? `, ${step.amount > 0 ? "+" : "−"}${number(Math.abs(step.amount), 1)} points` : "";
  return `${HAPPENED[step.what] ?? step.what}${points}`;
}
function stepRow(at, text, record) {
  return el("li", {}, el("span", { class: "step" }, el("time", { datetime: `${at}Z` }, instant(at)), ` ${text}`), recordLines(record));
}

/** The steps behind one row of evidence; `command` shows them where the page has no room for them. */
function origin(row, score, command) {
  if (row.item === undefined)
    return el("ol", { class: "chain" }, stepRow(row.at, `Answered survey ${row.survey}`, row.record));
  const sprint = isOfSprint(score) ? score.sprint : null;
  const shown = (stepsOf.get(row.item) ?? []).filter((step) => step.sprint === null || step.sprint === sprint);
  if (shown.length) return el("ol", { class: "chain" }, shown.map((step) => stepRow(step.at, stepText(step), step.record)));
  const text = `This page holds the raw records of the ${number(stepsOf.size)} items with the newest evidence. Those of ${row.ref}: `;
  return el("p", { class: "hint" }, text, el("code", {}, command));
}

/** Shows and hides the origin of a row in a row of its own below it. */
function originButton(row, score, command, width) {
  const name = row.ref ?? "this answer";
  const button = linkButton("Show", () => {
    const above = button.closest("tr");
    const isShown = button.getAttribute("aria-expanded") === "true";
    if (isShown) above.nextElementSibling.remove();
    else above.after(el("tr", { class: "origin" }, el("td", { colspan: width }, origin(row, score, command))));
    button.setAttribute("aria-expanded", String(!isShown));
    button.textContent = isShown ? "Show" : "Hide";
  });
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-label", `Origin of ${name}`);
  return button;
}
