// Elements made by script: the Content-Security-Policy allows no style in HTML, and text set so can never become HTML.

const SVG = "http://www.w3.org/2000/svg";

/** style: custom properties and styles, set one by one. children: nodes or text. */
export function element(name, { style = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(key, value);
  for (const [key, value] of Object.entries(style)) node.style.setProperty(key, value);
  node.append(...children.flat().filter((child) => child !== null));
  return node;
}

/** A line drawing of 24 × 24; shapes: [name, attributes] pairs. */
export function icon(shapes, size = 28) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true", fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  for (const [name, own] of shapes) {
    const shape = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(own)) shape.setAttribute(key, value);
    svg.append(shape);
  }
  return svg;
}
