/** Draws figures with Plotly, which is fetched when the first of them is to be seen. */

import type { PlotlyModule } from 'plotly.js-cartesian-dist-min';
import type { Figure } from './tool_requests';

const LOOK = {
  paper_bgcolor: 'rgba(0, 0, 0, 0)',
  plot_bgcolor: 'rgba(0, 0, 0, 0)',
  margin: { l: 60, r: 20, t: 45, b: 65 },
  colorway: ['#6ea8fe', '#e4572e', '#56b4e9', '#e69f00'],
};

/** Of texts, of the grid and of its zero lines, in the look that the user's system has. */
const LIGHT = { text: '#1a202b', grid: '#cfd5de', zero: '#98a2b3' };
const DARK = { text: '#e4e7ec', grid: '#2b3038', zero: '#48505c' };

const CONFIG = {
  responsive: true,
  displaylogo: false,
  modeBarButtons: [['toImage', 'zoom2d', 'pan2d', 'resetScale2d']],
};

/** From few objects to many: the fewest have to be seen on the dark ground. */
export const COUNT_COLOURS = [
  [0, '#3d6aa8'],
  [0.5, '#3fb6a8'],
  [1, '#fde725'],
];

let loading: Promise<PlotlyModule> | undefined;

export function plotly(): Promise<PlotlyModule> {
  loading ??= import('plotly.js-cartesian-dist-min').then((module) => module.default);
  return loading;
}

/** A layout in the colours of the page. */
export function inLook(layout: object): object {
  const given = layout as { xaxis?: object; yaxis?: object };
  const { text, grid, zero } = matchMedia('(prefers-color-scheme: light)').matches ? LIGHT : DARK;
  const axis = { gridcolor: grid, zerolinecolor: zero, automargin: true };
  const axes = { xaxis: { ...axis, ...given.xaxis }, yaxis: { ...axis, ...given.yaxis } };
  const font = { color: text, family: 'system-ui, sans-serif', size: 12 };
  return { ...LOOK, font, ...layout, ...axes };
}

/** Draws a figure into an element that is part of the document. */
export async function drawFigure(
  place: HTMLElement,
  figure: Pick<Figure, 'attributes'>,
): Promise<void> {
  const library = await plotly();
  const { data, layout } = figure.attributes;
  await library.newPlot(place, data, inLook(layout), CONFIG);
}
