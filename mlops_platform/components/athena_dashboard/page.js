// The page's behaviour: filters, charts, tables. Everything shown comes from #data and is set as text, never
// as markup. `vegaEmbed` comes with the page.
"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const NONE = "(none)";
  const MOST_TABLE_ROWS = 500;
  const chosen = {}; // column -> {from, to} of ISO days, or one value as text

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const named = (value) => (value === null ? NONE : String(value));
  const written = (value, form) => {
    const [, comma, digits, kind] = /^(,?)\.(\d)([f%])$/.exec(form);
    const places = { minimumFractionDigits: Number(digits), maximumFractionDigits: Number(digits) };
    return value.toLocaleString("en-US", { ...places, useGrouping: Boolean(comma), style: kind === "%" ? "percent" : "decimal" });
  };
  const label = (column) => column.replaceAll("_", " ");
  const isMoment = (kind) => kind === "date" || kind === "time";
  const moment = (text) => Date.parse(text.length === 10 ? `${text}T00:00:00Z` : `${text}Z`);
  const columnOf = (query, name) => query.columns.findIndex(([column]) => column.toLowerCase() === name);

  // ---- data under the filters
  const rowsOf = (query) => {
    const tests = Object.entries(chosen).flatMap(([name, choice]) => {
      const at = columnOf(query, name);
      if (at < 0) return [];
      if (typeof choice === "string") return [(row) => named(row[at]) === choice];
      return [(row) => row[at] !== null && row[at].slice(0, 10) >= choice.from && row[at].slice(0, 10) <= choice.to];
    });
    return query.rows.filter((row) => tests.every((test) => test(row)));
  };
  const records = (query) => {
    const kinds = query.columns.map(([, kind]) => isMoment(kind));
    return rowsOf(query).map((row) =>
      Object.fromEntries(row.map((value, n) => [`c${n}`, kinds[n] && value !== null ? moment(value) : value])),
    );
  };
  const figure = (panel, rows) => {
    const values = rows.map((row) => row[panel.measures[0]]).filter((value) => value !== null);
    if (!values.length) return null;
    const sum = values.reduce((a, b) => a + b, 0);
    if (panel.per !== null) {
      const whole = rows.reduce((a, row) => a + (row[panel.per] ?? 0), 0);
      return whole ? sum / whole : null;
    }
    if (panel.aggregate === "mean") return sum / values.length;
    if (panel.aggregate === "min") return values.reduce((a, b) => Math.min(a, b));
    if (panel.aggregate === "max") return values.reduce((a, b) => Math.max(a, b));
    return sum;
  };

  // ---- panels
  const panels = page.panels.map((panel, n) => {
    const query = page.queries[panel.query];
    const section = element("section", { className: `${panel.width} ${panel.chart}`, id: `panel-${n + 1}` });
    section.setAttribute("aria-label", panel.title);
    section.append(element("h2", { textContent: panel.title }));
    if (panel.note) section.append(element("p", { className: "note", textContent: panel.note }));
    const body = element("div", { className: panel.chart === "number" ? "figure" : "chart" });
    section.append(body);
    const chart = panel.chart === "number" && panel.spec ? section.appendChild(element("div", { className: "chart" })) : body;
    const unfiltered = section.appendChild(element("p", { className: "unfiltered", hidden: true }));
    const state = { panel, query, section, body, chart, unfiltered, details: null, embedded: null, turn: 0 };
    if (panel.chart !== "table") {
      state.details = element("details", {}, element("summary", { textContent: "Show the data" }), element("div", { className: "rows" }));
      state.details.addEventListener("toggle", () => drawDetails(state));
      section.append(state.details);
    }
    document.getElementById("panels").append(section);
    return state;
  });

  const sized = (panel, rows) => {
    if (panel.chart === "horizontal_bar") {
      const at = panel.columns[0];
      return Math.max(240, 22 * new Set(rows.map((row) => named(row[at]))).size + 30);
    }
    return panel.chart === "number" ? 44 : 240;
  };

  const themed = (width) => {
    const theme = page.themes[dark.matches ? "dark" : "light"];
    return { ...theme, legend: { ...theme.legend, columns: Math.max(2, Math.floor(width / 110)) } };
  };

  const drawChart = async (state) => {
    const { panel, query, chart } = state;
    const turn = ++state.turn;
    state.embedded?.finalize();
    state.embedded = null;
    const rows = rowsOf(query);
    const drawn = (row) => panel.measures.some((at) => row[at] !== null) && (panel.per === null || row[panel.per]);
    if (!rows.some(drawn)) {
      chart.replaceChildren(element("p", { className: "empty", textContent: panel.chart === "number" ? "" : "No rows." }));
      return;
    }
    const spec = {
      ...panel.spec,
      data: { name: "rows", values: records(query) },
      width: "container",
      height: sized(panel, rows),
      autosize: { type: "fit", contains: "padding" },
      padding: panel.chart === "number" ? 1 : 4,
    };
    const embedded = await vegaEmbed(chart, spec, {
      actions: false, ast: true, renderer: "svg", defaultStyle: false, mode: "vega-lite",
      config: themed(chart.clientWidth),
      tooltip: { disableDefaultStyle: true },
    });
    if (turn !== state.turn) return embedded.finalize(); // a later choice overtook this one
    state.embedded = embedded;
    watchBrush(state, embedded.view);
  };

  const watchBrush = (state, view) => {
    if (!state.panel.spec.params?.some((param) => param.name === "brush")) return;
    let range = null;
    view.addSignalListener("brush", (_, value) => {
      const found = Object.values(value)[0];
      range = found?.length ? [Math.min(...found), Math.max(...found)] : null;
    });
    state.chart.onpointerup = () => {
      if (!range) return;
      const [from, to] = range.map((ms) => new Date(ms).toISOString().slice(0, 10));
      range = null;
      const at = state.panel.columns.map((n) => state.query.columns[n]).find(([, kind]) => isMoment(kind));
      const input = inputs.find((i) => i.column === at?.[0].toLowerCase() && i.from);
      if (!input) return void drawChart(state);
      input.from.value = from;
      input.to.value = to;
      filtersChanged();
    };
  };

  const drawFigure = (state) => {
    const value = figure(state.panel, rowsOf(state.query));
    state.body.replaceChildren(value === null ? "–" : written(value, state.panel.format));
    if (state.panel.unit && value !== null) state.body.append(element("small", { textContent: ` ${state.panel.unit}` }));
    state.body.setAttribute("role", "img");
    state.body.setAttribute("aria-label", `${state.panel.title}: ${state.body.textContent}`);
  };

  // ---- tables
  const cell = (value, kind, whole) => {
    if (value === null) return "";
    if (kind === "number") return written(value, whole ? ",.0f" : ",.2f");
    return kind === "time" ? value.replace("T", " ") : String(value);
  };
  const table = (state) => {
    const { panel, query } = state;
    const sort = state.sort;
    let rows = rowsOf(query);
    if (sort) {
      const order = (a, b) => (a === null) - (b === null) || (a < b ? -1 : a > b ? 1 : 0) * (sort.down ? -1 : 1);
      rows = [...rows].sort((a, b) => order(a[sort.at], b[sort.at]));
    }
    const heads = panel.columns.map((at) => {
      const [name, kind] = query.columns[at];
      const button = element("button", { type: "button", textContent: label(name) });
      button.addEventListener("click", () => {
        state.sort = { at, down: sort?.at === at ? !sort.down : kind === "number" };
        drawRows(state);
      });
      const head = element("th", { scope: "col", className: kind === "number" ? "measure" : "" }, button);
      if (sort?.at === at) head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      return head;
    });
    const whole = panel.columns.map((at) => rows.every((row) => row[at] === null || Number.isInteger(row[at])));
    const lines = rows.slice(0, MOST_TABLE_ROWS).map((row) =>
      element("tr", {}, ...panel.columns.map((at, n) => {
        const text = cell(row[at], query.columns[at][1], whole[n]);
        const className = query.columns[at][1] === "number" ? "measure" : text.length > 60 ? "long" : "";
        return element("td", { className, textContent: text });
      })),
    );
    const made = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines));
    made.setAttribute("aria-label", panel.described);
    const left = rows.length - lines.length;
    return left > 0 ? [made, element("p", { className: "note", textContent: `${written(left, ",.0f")} more rows.` })] : [made];
  };
  const drawRows = (state) => {
    const place = state.details ? state.details.lastChild : state.body;
    place.classList.add("rows");
    place.replaceChildren(...table(state));
  };
  const drawDetails = (state) => state.details.open && drawRows(state);

  const draw = async (state) => {
    const asked = Object.keys(chosen).filter((name) => columnOf(state.query, name) < 0);
    state.unfiltered.hidden = !asked.length;
    state.unfiltered.textContent = `Not filtered by ${asked.map(label).join(", ")}.`;
    if (state.panel.chart === "number") drawFigure(state);
    if (state.panel.chart === "table") drawRows(state);
    else drawDetails(state);
    if (state.panel.spec) await drawChart(state);
  };
  const drawAll = () => Promise.all(panels.map(draw));

  // ---- filters
  const inputs = page.filters.map((column) => {
    const queries = Object.values(page.queries).filter((query) => columnOf(query, column) >= 0);
    const at = (query) => columnOf(query, column);
    const values = new Set(queries.flatMap((query) => query.rows.map((row) => row[at(query)])));
    if (queries.length && queries.every((query) => isMoment(query.columns[at(query)][1]))) {
      const days = [...values].filter((value) => value !== null).map((value) => value.slice(0, 10)).sort();
      const [first, last] = [days[0] ?? "", days[days.length - 1] ?? ""];
      const day = (value) => element("input", { type: "date", min: first, max: last, value });
      return { column, first, last, from: day(first), to: day(last) };
    }
    const options = [...new Set([...values].map(named))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    const select = element("select", {}, element("option", { value: "", textContent: "All" }));
    // An option's value is its place, so that a value which is itself empty can be chosen.
    select.append(...options.map((text, n) => element("option", { value: String(n + 1), textContent: text })));
    return { column, select, options };
  });
  const filtersChanged = () => {
    for (const input of inputs) {
      delete chosen[input.column];
      if (input.select) {
        const place = Number(input.select.value);
        if (place) chosen[input.column] = input.options[place - 1];
      } else if ((input.from.value || input.first) !== input.first || (input.to.value || input.last) !== input.last) {
        chosen[input.column] = { from: input.from.value || input.first, to: input.to.value || input.last };
      }
    }
    return drawAll();
  };
  const reset = element("button", { type: "button", textContent: "Reset" });
  reset.addEventListener("click", () => {
    for (const input of inputs) {
      if (input.select) input.select.value = "";
      else [input.from.value, input.to.value] = [input.first, input.last];
    }
    filtersChanged();
  });
  const form = document.getElementById("filters");
  for (const input of inputs) {
    const fields = input.select ? [[label(input.column), input.select]] : [["from", input.from], ["to", input.to]];
    for (const [text, field] of fields) {
      field.name = input.select ? input.column : `${input.column}-${text}`;
      field.addEventListener("change", filtersChanged);
      form.append(element("label", {}, text, field));
    }
  }
  if (inputs.length) form.append(reset);
  form.addEventListener("submit", (event) => event.preventDefault());

  dark.addEventListener("change", drawAll);
  addEventListener("error", (event) => document.body.setAttribute("data-error", event.message));
  drawAll().then(() => document.body.setAttribute("data-drawn", String(panels.length)));
})();
