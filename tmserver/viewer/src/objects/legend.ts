/** What the colours of the objects mean, in a corner of the map. */

import { MISSING_COLOUR } from './colouring';
import type { Colouring } from './colouring';
import { element } from '../page/dom';
import { paintCounts } from './density';
import type { LegendEntry, ObjectLayers } from './object_layers';
import type { PlateMap } from '../plate/map';

/** Classes that are listed by name. */
const LISTED = 12;
const STEPS = 9;

function scale(colours: readonly string[], low: string, high: string): HTMLElement {
  const bar = element('div', { class: 'legend-bar' });
  bar.style.background = `linear-gradient(to right, ${colours.join(', ')})`;
  const ends = element('div', { class: 'legend-ends' }, element('span', {}, low), element('span', {}, high));
  return element('div', {}, bar, ends);
}

function rounded(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

/** The colours of cells, from one object to as many as the fullest has. */
export function densityColours(largest: number, colour: string): string[] {
  const counts = Uint32Array.from({ length: STEPS }, (_, step) =>
    Math.max(1, Math.round(Math.expm1((Math.log1p(largest) * step) / (STEPS - 1)))),
  );
  const pixels = paintCounts(counts, largest, colour);
  return Array.from(counts, (_, step) => {
    const [red, green, blue, alpha = 0] = pixels.subarray(4 * step, 4 * step + 4);
    return `rgb(${red} ${green} ${blue} / ${(alpha / 255).toFixed(2)})`;
  });
}

function classes(names: readonly string[], colouring: Colouring): HTMLElement {
  const rows = names.slice(0, LISTED).map((name, index) => swatch(colouring.colours[index], name));
  if (names.length > LISTED) rows.push(element('li', {}, `and ${names.length - LISTED} others`));
  return element('ul', {}, ...rows);
}

function swatch(colour: string | undefined, name: string): HTMLElement {
  const mark = element('span', { class: 'legend-swatch' });
  mark.style.background = colour ?? MISSING_COLOUR;
  return element('li', {}, mark, name);
}

function section({ display, colouring, largest }: LegendEntry): HTMLElement[] {
  const { name } = display.type;
  if (colouring !== undefined) {
    const [low, high] = colouring.range;
    const content =
      colouring.classes === null
        ? scale(colouring.colours, rounded(low), rounded(high))
        : classes(colouring.classes, colouring);
    const how = largest === undefined ? '' : colouring.classes === null ? ', mean' : ', most frequent';
    const title = element('div', { class: 'legend-title' }, `${name}: ${colouring.title}${how}`);
    return [element('section', { 'data-testid': `legend-${name}` }, title, content)];
  }
  if (largest === undefined) return [];
  const title = element('div', { class: 'legend-title' }, `${name} in each square`);
  const bar = scale(densityColours(largest, display.colour), '1', largest.toLocaleString('en'));
  return [element('section', { 'data-testid': `legend-${name}` }, title, bar)];
}

/** Adds the legend to the map and keeps it right. */
export function addLegend(map: PlateMap, objects: ObjectLayers, parent: HTMLElement): void {
  const legend = element('div', { class: 'legend', 'data-testid': 'legend', hidden: true });
  parent.append(legend);
  const update = () => {
    const sections = objects.legend().flatMap(section);
    legend.hidden = sections.length === 0;
    legend.replaceChildren(...sections);
  };
  objects.onChange = update;
  map.olMap.getView().on('change:resolution', update);
  update();
}
