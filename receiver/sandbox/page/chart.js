// A small drawing of VChart specifications: lines, areas and bars; other charts are named.

import { h, icon, svgNode } from "./dom.js";
import { t } from "./i18n.js";

const WIDTH = 520;
const HEIGHT = 180;
const PAD = { left: 40, right: 12, top: 12, bottom: 24 };
const MAX_POINTS = 400;
const SERIES = ["blue", "turquoise", "orange", "violet", "green", "red", "yellow", "indigo"];

export function drawChart(element) {
  const spec = element.chart_spec !== null && typeof element.chart_spec === "object" ? element.chart_spec : {};
  const kind = String(spec.type ?? "?").slice(0, 40);
  const title = String(spec.title?.text ?? "").slice(0, 200);
  const series = ["line", "area", "bar"].includes(kind) ? readSeries(spec) : [];
  const drawing = series.length > 0 ? plot(kind, series) : placeholder(kind);
  return h("figure", { class: "chart" }, title ? h("figcaption", { text: title }) : null, drawing, series.length > 1 ? legend(series) : null);
}

function placeholder(kind) {
  return h("div", { class: "img-box", role: "img", "aria-label": `${t("chart")}: ${kind}` }, icon("chart", "icon img-icon"), h("span", { text: `${t("chart")} · ${kind}` }));
}

function readSeries(spec) {
  const data = Array.isArray(spec.data) ? spec.data[0] : spec.data;
  const values = (Array.isArray(data?.values) ? data.values : []).slice(0, MAX_POINTS);
  const x = [spec.xField].flat()[0] ?? "x";
  const y = [spec.yField].flat()[0] ?? "y";
  const byName = new Map();
  for (const value of values) {
    const number = Number(value?.[y]);
    if (!Number.isFinite(number)) continue;
    const name = String(value?.[spec.seriesField] ?? "");
    byName.set(name, [...(byName.get(name) ?? []), { label: String(value?.[x] ?? ""), number }]);
  }
  return [...byName].slice(0, SERIES.length).map(([name, points], at) => ({ name, points, color: `var(--c-${SERIES[at]})` }));
}

function plot(kind, series) {
  const numbers = series.flatMap(({ points }) => points.map(({ number }) => number));
  const low = Math.min(0, ...numbers), high = Math.max(...numbers, low + 1e-9);
  const labels = [...new Set(series.flatMap(({ points }) => points.map(({ label }) => label)))];
  const step = (WIDTH - PAD.left - PAD.right) / Math.max(kind === "bar" ? labels.length : labels.length - 1, 1);
  const scale = {
    step, zero: yOf(0, low, high), series: series.length,
    x: (label) => PAD.left + step * (labels.indexOf(label) + (kind === "bar" ? 0.5 : 0)), y: (number) => yOf(number, low, high),
  };
  const svg = svgNode("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart-svg", role: "img", "aria-label": `${t("chart")}: ${kind}` });
  svg.append(...grid(low, high), ...axis(labels, scale), ...series.flatMap((one, at) => (kind === "bar" ? bars(one, at, scale) : line(one, kind, scale))));
  return svg;
}

function yOf(number, low, high) {
  return PAD.top + (HEIGHT - PAD.top - PAD.bottom) * (1 - (number - low) / (high - low));
}

function grid(low, high) {
  return [0, 0.5, 1].flatMap((share) => {
    const number = low + (high - low) * share, y = yOf(number, low, high);
    return [svgNode("line", { x1: PAD.left, x2: WIDTH - PAD.right, y1: y, y2: y, class: "chart-grid" }),
      svgNode("text", { x: PAD.left - 6, y: y + 4, class: "chart-label", "text-anchor": "end" }, short(number))];
  });
}

function short(number) {
  return Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(number);
}

function axis(labels, scale) {
  const every = Math.ceil(labels.length / 6);
  return labels.filter((_, at) => at % every === 0).map((label) =>
    svgNode("text", { x: scale.x(label), y: HEIGHT - 6, class: "chart-label", "text-anchor": "middle" }, label.slice(0, 12)));
}

function line({ points, color }, kind, scale) {
  const path = points.map(({ label, number }, at) => `${at ? "L" : "M"}${scale.x(label).toFixed(1)} ${scale.y(number).toFixed(1)}`).join("");
  const drawn = svgNode("path", { d: path, class: "chart-line" });
  drawn.style.stroke = color;
  if (kind !== "area") return [drawn];
  const under = svgNode("path", { d: `${path}L${scale.x(points.at(-1).label)} ${scale.zero}L${scale.x(points[0].label)} ${scale.zero}Z`, class: "chart-area" });
  under.style.fill = color;
  return [under, drawn];
}

function bars({ points, color }, at, scale) {
  const width = Math.max((scale.step * 0.7) / scale.series, 1);
  return points.map(({ label, number }) => {
    const y = scale.y(number);
    const bar = svgNode("rect", {
      x: scale.x(label) - (width * scale.series) / 2 + width * at, width, rx: 2,
      y: Math.min(y, scale.zero), height: Math.max(Math.abs(scale.zero - y), 1),
    });
    bar.style.fill = color;
    return bar;
  });
}

function legend(series) {
  return h("div", { class: "chart-legend" }, series.map(({ name, color }) => h("span", {}, h("i", { style: { background: color } }), name)));
}
