// Elements, dates and numbers: everything that several parts of the page use.

/** An element; `attributes` whose value is a function are event handlers, children become text nodes. */
function el(tag, attributes = {}, ...children) {
  const node =
    tag === "svg" || SVG_TAGS.has(tag)
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? "" : value);
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
const instant = (text) =>
  text
    ? `${formatDate(text, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" })} UTC`
    : "never";
const number = (value, digits = 0) =>
  new Intl.NumberFormat("en-US", { maximumFractionDigits: digits, minimumFractionDigits: 0 }).format(value);
/** A share in per cent, rounded down: 99.96 % complete is not complete. */
const percent = (ratio) => `${number(Math.floor(ratio * 1000) / 10, 1)} %`;
const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** A value and its unit as people read it: hours beyond two days in days, ratios as per cent. */
function parts(value, unit) {
  if (value === null || value === undefined) return ["–", ""];
  if (unit === "hours") return Math.abs(value) >= 48 ? [number(value / 24, 1), "days"] : [number(value, 1), "h"];
  if (unit === "ratio") return [number(value * 100, Math.abs(value) < 0.1 ? 1 : 0), "%"];
  if (unit === "points") return [number(value, 1), "points"];
  if (unit === "items") return [number(value), value === 1 ? "item" : "items"];
  return [number(value, 1), ""];
}
const show = (value, unit) => parts(value, unit).join(" ").trim();
/** The same with two more digits, for values that differ by little. */
function showFinely(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "hours") return Math.abs(value) >= 48 ? `${number(value / 24, 2)} days` : `${number(value, 2)} h`;
  if (unit === "ratio") return `${number(value * 100, 2)} %`;
  return `${number(value, 2)} ${unit === "points" ? "points" : ""}`.trim();
}

function periodEnd(type, start) {
  const date = when(start);
  date.setMonth(date.getMonth() + (type === "quarter" ? 3 : 1));
  return date;
}
function periodName(type, start) {
  const name =
    type === "quarter"
      ? `Q${Math.floor(when(start).getMonth() / 3) + 1} ${start.slice(0, 4)}`
      : formatDate(start, { month: "long", year: "numeric" });
  return asOf && periodEnd(type, start) > when(asOf) ? `${name} (so far)` : name;
}
const asOf =
  connections
    .map((row) => row.watermark_at)
    .filter(Boolean)
    .sort()
    .at(-1) ?? null;

const scopeName = (scope) => (scope.type === "all" ? "Everything" : (scope.name ?? scope.key));
/** Does a row with team, project and portfolio keys belong to the scope? */
function inScope(row, scope = scopes[state.scope]) {
  if (!scope || scope.type === "all" || row[scope.type] === scope.key || row.about === scope.key) return true;
  return scope.type === "portfolio" && portfolioParents.get(row.portfolio) === scope.key;
}
/** An evidence or delivery row with its item's keys; team, project and portfolio are those of that time. */
const withItem = (row) => ({
  ...items[row.item],
  ...row,
  team: row.team ?? items[row.item]?.team,
  project: row.project ?? items[row.item]?.project,
  portfolio: row.portfolio ?? items[row.item]?.portfolio,
});

/** A table; `heads` are [text, is it a column of numbers]. */
function tableOf(heads, rows) {
  const head = heads.map(([text, isNumber]) => el("th", { class: isNumber ? "number" : null, scope: "col" }, text));
  return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
}

/** A button that looks like a link: it acts on this page. */
function linkButton(text, onClick, more = {}) {
  return el("button", { type: "button", class: "link", click: onClick, ...more }, text);
}
