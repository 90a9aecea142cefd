// What the page uses of Observable Plot; all else is left out of the bundle.
export { areaY, axisX, axisY, barX, dot, gridY, line, link, plot, rectY, ruleX, ruleY, stackY, text, tickY } from "@observablehq/plot";
