/** A bar of a round length: micrometres where they are known, else pixels of the map. */

import type { PlateMap } from './map';
import { element } from '../page/dom';

/** The longest that the bar may be, in screen pixels. */
const MAX_LENGTH = 140;

/** The largest of ..., 0.1, 0.2, 0.5, 1, 2, 5, 10, ... that is not above `limit`. */
export function roundLength(limit: number): number {
  const power = 10 ** Math.floor(Math.log10(limit));
  const digit = [5, 2, 1].find((candidate) => candidate * power <= limit * (1 + 1e-9)) ?? 1;
  return digit * power;
}

/** What stands above a bar of a length, and how many pixels of the map it is long. */
export function scaleBar(
  maxPixels: number,
  pixelSize: number | null,
): { readonly label: string; readonly pixels: number } {
  if (pixelSize === null) {
    const pixels = Math.max(1, roundLength(maxPixels));
    return { label: `${pixels.toLocaleString('en')} px`, pixels };
  }
  const length = roundLength(maxPixels * pixelSize);
  const label =
    length >= 1000
      ? `${(length / 1000).toLocaleString('en')} mm`
      : `${length.toLocaleString('en', { maximumSignificantDigits: 3 })} µm`;
  return { label, pixels: length / pixelSize };
}

/** The bar for a resolution in pixels of the map for each of the screen: how long it is there, and what stands above. */
export function barOnScreen(resolution: number, pixelSize: number | null): { readonly label: string; readonly length: number } {
  const { label, pixels } = scaleBar(MAX_LENGTH * resolution, pixelSize);
  return { label, length: Math.max(1, pixels / resolution) };
}

/** Adds the bar to the map and keeps it right. */
export function addScaleBar(map: PlateMap, parent: HTMLElement, pixelSize: number | null): void {
  const bar = element('div', { class: 'scale-bar-line' });
  const label = element('div', { class: 'scale-bar-label' });
  parent.append(element('div', { class: 'scale-bar', 'data-testid': 'scale-bar' }, label, bar));
  const update = () => {
    const shown = barOnScreen(map.place().resolution, pixelSize);
    bar.style.width = `${shown.length}px`;
    label.textContent = shown.label;
  };
  map.olMap.getView().on('change:resolution', update);
  update();
}
