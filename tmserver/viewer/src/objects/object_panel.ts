/** The part of the panel in which outlines are switched and coloured. */

import { element } from '../page/dom';
import type { ObjectDisplay } from './objects';

function objectRow(display: ObjectDisplay, refresh: () => void, more: Node[]): HTMLElement {
  const { name } = display.type;
  const visible = element('input', { type: 'checkbox', 'data-testid': `objects-${name}-visible` });
  visible.checked = display.visible;
  const colour = element('input', {
    type: 'color',
    value: display.colour,
    'aria-label': `Colour of ${name}`,
    'data-testid': `objects-${name}-colour`,
  });
  const row = element(
    'li',
    { 'data-testid': `objects-${name}` },
    element('div', { class: 'row' }, colour, element('label', {}, visible, name)),
    ...more,
  );
  const mark = () => {
    row.classList.toggle('off', !display.visible);
  };
  visible.addEventListener('change', () => {
    display.visible = visible.checked;
    mark();
    refresh();
  });
  colour.addEventListener('input', () => {
    display.colour = colour.value;
    refresh();
  });
  mark();
  return row;
}

function group(
  title: string,
  displays: readonly ObjectDisplay[],
  refresh: () => void,
  more: (display: ObjectDisplay) => Node[],
): Node[] {
  if (displays.length === 0) return [];
  return [
    element('h2', {}, title),
    element('ul', {}, ...displays.map((display) => objectRow(display, refresh, more(display)))),
  ];
}

/** `more` is what else there is to choose for segmented objects. */
export function objectPanel(
  displays: readonly ObjectDisplay[],
  refresh: () => void,
  more: (display: ObjectDisplay) => Node[],
): HTMLElement {
  const segmented = displays.filter((display) => !display.isStatic);
  const layout = displays.filter((display) => display.isStatic);
  return element(
    'section',
    {},
    ...group('Objects', segmented, refresh, more),
    ...group('Layout', layout, refresh, () => []),
  );
}
