/** The buttons on the map, and its keys. */

import { element } from '../page/dom';
import type { PlateMap } from './map';

/** The place of a map, which takes the keyboard. */
export function makeMapElement(): HTMLElement {
  return element('div', {
    class: 'map',
    tabindex: '0',
    role: 'application',
    'aria-label':
      'Map of the plate. Arrow keys move it, plus and minus zoom, F shows all of it, ' +
      'Enter selects the object in the middle, Escape none.',
    'data-testid': 'map',
  });
}

/** Adds buttons that zoom and open what is beside the map, whose page is `page`; `more` come last. */
export function addMapControls(
  map: PlateMap,
  page: HTMLElement,
  notice: HTMLElement,
  more: readonly HTMLElement[],
): void {
  const fit = () => {
    map.fit();
  };
  const control = (text: string, label: string, testId: string, onclick: () => void) =>
    element('button', { title: label, 'aria-label': label, 'data-testid': testId, onclick }, text);
  const zoomBy = (factor: number) => () => {
    map.zoomBy(factor);
  };
  const toggle = control('☰', 'Show or hide the panel', 'panel-toggle', () => {
    page.classList.toggle('panel-toggled');
    map.olMap.updateSize();
  });
  toggle.setAttribute('aria-controls', 'panel');
  map.element.append(
    element('div', { class: 'progress', 'aria-hidden': 'true', 'data-testid': 'loading' }),
    element(
      'div',
      { class: 'controls' },
      control('+', 'Zoom in', 'zoom-in', zoomBy(2)),
      control('−', 'Zoom out', 'zoom-out', zoomBy(0.5)),
      control('⤢', 'Show the whole plate (F)', 'zoom-fit', fit),
      ...more,
    ),
    element('div', { class: 'controls right' }, toggle),
    notice,
  );
  map.element.addEventListener('keydown', (event) => {
    if (event.key === 'f') fit();
  });
}
