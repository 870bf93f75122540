/** The scale of measured values in the legend: its ends can be moved, its colours chosen. */

import { element } from '../page/dom';
import { formatValue } from '../page/format';
import type { Part } from '../page/keyed';
import type { Colouring, ColouringOptions } from './colouring';
import { PALETTE_NAMES } from './palettes';
import type { Palette } from './palettes';

/** Steps of the handles between the smallest and the largest value. */
const STEPS = 1000;

/** Collects what is to be different until the next frame. */
function oncePerFrame(changed: (options: ColouringOptions) => void): (options: ColouringOptions) => void {
  let waiting: ColouringOptions | undefined;
  return (options) => {
    if (waiting === undefined) {
      requestAnimationFrame(() => {
        const all = waiting ?? {};
        waiting = undefined;
        changed(all);
      });
    }
    waiting = { ...waiting, ...options };
  };
}

function choices(typeName: string, change: (options: ColouringOptions) => void) {
  const palette = element(
    'select',
    { 'aria-label': `${typeName}: palette`, 'data-testid': `legend-${typeName}-palette` },
    ...PALETTE_NAMES.map((name) => element('option', {}, name)),
  );
  palette.addEventListener('change', () => {
    change({ palette: palette.value as Palette });
  });
  const logarithmic = element('input', { type: 'checkbox', 'data-testid': `legend-${typeName}-log` });
  logarithmic.addEventListener('change', () => {
    change({ isLogarithmic: logarithmic.checked });
  });
  return { palette, logarithmic };
}

/** `changed` gets what is to be different, once for each frame however fast a handle moves. */
export function legendScale(
  typeName: string,
  changed: (options: ColouringOptions) => void,
): Part<Colouring> {
  let colouring: Colouring | undefined;
  const change = oncePerFrame(changed);

  const handle = (end: 0 | 1) => {
    const label = `${typeName}: ${end === 0 ? 'low' : 'high'} end of the colours`;
    const slider = element('input', {
      type: 'range',
      min: '0',
      max: String(STEPS),
      'aria-label': label,
      'data-testid': `legend-${typeName}-${end === 0 ? 'low' : 'high'}`,
    });
    slider.addEventListener('input', () => {
      if (colouring === undefined) return;
      const [low, high] = places.map((each) => each.valueAsNumber);
      // The handle that moves stops at the other one.
      const place = end === 0 ? Math.min(low ?? 0, (high ?? STEPS) - 1) : Math.max(high ?? 0, (low ?? 0) + 1);
      const value = colouring.valueAt(place / STEPS, colouring.limits);
      slider.value = String(place);
      change({ range: end === 0 ? [value, colouring.range[1]] : [colouring.range[0], value] });
    });
    return slider;
  };
  const places = [handle(0), handle(1)] as const;
  const bar = element('div', { class: 'legend-bar' });
  const track = element('div', { class: 'double-slider' }, bar, ...places);
  const ends = [element('span'), element('span')] as const;

  const { palette, logarithmic } = choices(typeName, change);

  return {
    element: element(
      'div',
      { class: 'legend-scale' },
      track,
      element('div', { class: 'legend-ends' }, ...ends),
      element('div', { class: 'row' }, palette, element('label', { class: 'row' }, logarithmic, 'log')),
    ),
    update: (next) => {
      colouring = next;
      const { limits, range, colours, options } = next;
      range.forEach((value, end) => {
        const share = Math.min(1, Math.max(0, next.place(value, limits)));
        const [slider, text] = [places[end], ends[end]];
        if (slider === undefined || text === undefined) return;
        slider.value = String(Math.round(share * STEPS));
        slider.setAttribute('aria-valuetext', formatValue(value));
        text.textContent = formatValue(value);
        bar.style.setProperty(end === 0 ? '--from' : '--to', `${100 * share}%`);
      });
      const stops = colours.filter((_, step) => step % 9 === 0);
      bar.style.setProperty('--stops', scaleStops(stops));
      palette.value = options.palette ?? 'viridis';
      palette.hidden = options.colours !== undefined;
      logarithmic.checked = next.isLogarithmic;
    },
  };
}

/** Colours between the two ends, and those of the ends beyond. */
function scaleStops(colours: readonly string[]): string {
  const last = Math.max(1, colours.length - 1);
  return colours
    .map((colour, step) => `${colour} calc(var(--from) + (var(--to) - var(--from)) * ${step / last})`)
    .join(', ');
}
