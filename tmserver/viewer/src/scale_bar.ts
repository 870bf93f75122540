/** A bar of a round length, in pixels of the map at full resolution. */

import type { PlateMap } from './map';
import { element } from './dom';

/** The longest that the bar may be, in screen pixels. */
const MAX_LENGTH = 140;

/** The largest of 1, 2, 5, 10, 20, 50, ... that is not above `limit` (at least 1). */
export function roundLength(limit: number): number {
  if (limit < 1) return 1;
  const power = 10 ** Math.floor(Math.log10(limit));
  const digit = [5, 2, 1].find((candidate) => candidate * power <= limit) ?? 1;
  return digit * power;
}

/** Adds the bar to the map and keeps it right. */
export function addScaleBar(map: PlateMap, parent: HTMLElement): void {
  const bar = element('div', { class: 'scale-bar-line' });
  const label = element('div', { class: 'scale-bar-label' });
  parent.append(element('div', { class: 'scale-bar', 'data-testid': 'scale-bar' }, label, bar));
  const update = () => {
    const resolution = map.olMap.getView().getResolution() ?? 1;
    const length = roundLength(MAX_LENGTH * resolution);
    bar.style.width = `${Math.max(1, length / resolution)}px`;
    label.textContent = `${length.toLocaleString('en')} px`;
  };
  map.olMap.getView().on('change:resolution', update);
  update();
}
