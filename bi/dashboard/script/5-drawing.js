// Drawing: a specification and its rows become a chart in the page's colours, with its figures as a table.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A specification with the style sheet's colours in place of "@name". */
const coloured = (spec) =>
  JSON.parse(JSON.stringify(spec), (key, value) =>
    typeof value === "string" && /^@[a-z0-9-]+$/.test(value) ? colour(value.slice(1)) : value,
  );

/** Vega-Lite's settings; a narrow chart breaks its legend into rows. */
function config(width) {
  const text = {
    labelColor: colour("soft"),
    titleColor: colour("soft"),
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: "normal",
  };
  return {
    background: null,
    font: getComputedStyle(document.body).fontFamily,
    padding: 2,
    view: { stroke: null },
    axis: {
      ...text,
      domainColor: colour("line"),
      gridColor: colour("line"),
      tickColor: colour("line"),
      titlePadding: 8,
      labelPadding: 5,
    },
    axisX: { ticks: true },
    axisY: { domain: false, ticks: false },
    legend: { ...text, symbolSize: 90, offset: 6, columnPadding: 14, ...(width < 440 ? { columns: 2 } : {}) },
  };
}

/** Draw a chart into `node`, or say why there is none. */
async function draw(name, node, datasets, hasData, emptyText, options = {}) {
  if (!hasData) return node.replaceChildren(el("p", { class: "empty" }, emptyText));
  const spec = coloured(specs[name]);
  if (options.layers) spec.layer = spec.layer.slice(0, options.layers);
  if (options.axisY !== undefined) setAxisTitle(spec, options.axisY);
  const result = await window.vegaEmbed(
    node,
    { ...spec, datasets, config: config(node.clientWidth) },
    {
      ast: true,
      renderer: "svg",
      actions: false,
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true, theme: "own" },
      loader: { target: "_blank", rel: "noopener noreferrer" },
    },
  );
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
  draw(name, plot, datasets, rows.length > 0, emptyText, {
    label: article.querySelector("h3").textContent,
    ...options,
  });
  if (!rows.length) return;
  const holder = el("div", {
    class: "scroller",
    tabindex: 0,
    role: "region",
    "aria-label": `${article.querySelector("h3").textContent}: figures`,
  });
  const details = el(
    "details",
    {
      toggle: () => {
        if (!details.open || holder.firstChild) return;
        const cells = (row) =>
          columns.map(([, value, isNumber]) => el("td", { class: isNumber ? "number" : "text" }, value(row) ?? "–"));
        holder.append(
          tableOf(
            columns.map(([title, , isNumber]) => [title, isNumber]),
            rows.slice(0, TABLE_ROWS).map((row) => el("tr", {}, cells(row))),
          ),
        );
        if (rows.length > TABLE_ROWS)
          holder.append(el("p", { class: "hint" }, `The first ${TABLE_ROWS} of ${number(rows.length)} rows.`));
      },
    },
    el("summary", {}, "Figures as a table"),
    holder,
  );
  article.append(details);
}
