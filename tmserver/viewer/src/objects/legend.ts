/** What the colours of the objects mean, in a corner of the map. */

import { MISSING_COLOUR } from './colouring';
import type { Colouring } from './colouring';
import { element } from '../page/dom';
import type { Part } from '../page/keyed';
import { Keyed } from '../page/keyed';
import { paintCounts } from './density';
import { legendScale } from './legend_scale';
import type { LegendEntry, ObjectLayers } from './object_layers';
import type { PlateMap } from '../plate/map';

/** Classes that are listed by name. */
export const LISTED = 12;
const STEPS = 9;

export function scale(colours: readonly string[], low: string, high: string): HTMLElement {
  const bar = element('div', { class: 'legend-bar' });
  bar.style.background = `linear-gradient(to right, ${colours.join(', ')})`;
  const ends = element('div', { class: 'legend-ends' }, element('span', {}, low), element('span', {}, high));
  return element('div', {}, bar, ends);
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

export function classes(names: readonly string[], colouring: Colouring): HTMLElement {
  const rows = names.slice(0, LISTED).map((name, index) => swatch(colouring.colours[index], name));
  if (names.length > LISTED) rows.push(element('li', {}, `and ${names.length - LISTED} others`));
  return element('ul', {}, ...rows);
}

function swatch(colour: string | undefined, name: string): HTMLElement {
  const mark = element('span', { class: 'legend-swatch' });
  mark.style.background = colour ?? MISSING_COLOUR;
  return element('li', {}, mark, name);
}

/** What the colours of a type mean; undefined where they mean nothing. */
export function legendTitle({ display, colouring, largest }: LegendEntry): string | undefined {
  const { name } = display.type;
  if (colouring === undefined) return largest === undefined ? undefined : `${name} in each square`;
  const how = largest === undefined ? '' : colouring.classes === null ? ', mean' : ', most frequent';
  return `${name}: ${colouring.title}${how}`;
}

/** What one type on show has in the legend. */
function part(typeName: string, objects: ObjectLayers): Part<LegendEntry> {
  const title = element('div', { class: 'legend-title' });
  const content = element('div');
  const range = legendScale(typeName, (options) => {
    objects.recolour(typeName, options);
  });
  return {
    element: element('section', { 'data-testid': `legend-${typeName}` }, title, content),
    update: (entry) => {
      const { display, colouring, largest } = entry;
      title.textContent = legendTitle(entry) ?? '';
      if (colouring !== undefined) {
        if (colouring.classes !== null) {
          content.replaceChildren(classes(colouring.classes, colouring));
          return;
        }
        range.update(colouring);
        // What is moved stays where it is, or it would be lost under the pointer.
        if (content.firstChild !== range.element) content.replaceChildren(range.element);
      } else if (largest !== undefined) {
        const colours = densityColours(largest, display.colour);
        content.replaceChildren(scale(colours, '1', largest.toLocaleString('en')));
      }
    },
  };
}

/** Adds the legend to the map and keeps it right. */
export function addLegend(map: PlateMap, objects: ObjectLayers, parent: HTMLElement): void {
  const legend = element('div', { class: 'legend', 'data-testid': 'legend', hidden: true });
  const parts = new Keyed<LegendEntry>(legend, (typeName) => part(typeName, objects));
  parent.append(legend);
  const update = () => {
    const entries = objects.legend().filter((entry) => legendTitle(entry) !== undefined);
    legend.hidden = entries.length === 0;
    parts.show(entries.map((entry) => [entry.display.type.name, entry]));
  };
  objects.onChange(update);
  map.olMap.getView().on('change:resolution', update);
  update();
}
