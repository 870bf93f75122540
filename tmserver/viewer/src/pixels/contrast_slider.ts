/** A slider with two thumbs, and the same two numbers as fields. */

import type { IntensityWindow } from './contrast';
import { tidyWindow } from './contrast';
import { element } from '../page/dom';

export interface ContrastSlider {
  readonly element: HTMLElement;
  /** Moves the thumbs without telling anybody. */
  set(window: IntensityWindow): void;
}

/** What follows the thumbs: while they move, and when they are let go. */
export interface ContrastListener {
  moving(window: IntensityWindow): void;
  settled(window: IntensityWindow): void;
}

/** The end of the slider: some way above the window, but not the whole 16 bits of a dim image. */
export function sliderEnd(window: IntensityWindow, limit: number): number {
  return Math.min(limit, Math.max(255, 2 * window.max));
}

/** `name` says what the numbers belong to; `limit` is the largest intensity that may be given. */
export function contrastSlider(
  name: string,
  initial: IntensityWindow,
  limit: number,
  listener: ContrastListener,
): ContrastSlider {
  const input = (kind: 'min' | 'max', type: 'range' | 'number') =>
    element('input', {
      type,
      min: '0',
      max: String(limit),
      step: '1',
      class: kind,
      'aria-label': `${name}: ${kind === 'min' ? 'darkest' : 'brightest'} intensity`,
      'data-testid': `channel-${name}-${kind}${type === 'range' ? '-slider' : ''}`,
    });
  const thumbs = [input('min', 'range'), input('max', 'range')] as const;
  const fields = [input('min', 'number'), input('max', 'number')] as const;
  const track = element('div', { class: 'double-slider' }, ...thumbs);
  let window = initial;
  let end = 0;

  const show = (next: IntensityWindow) => {
    window = next;
    // The end only grows: a scale that shrinks under the pointer is hard to use.
    end = Math.max(end, sliderEnd(window, limit));
    for (const thumb of thumbs) thumb.max = String(end);
    [window.min, window.max].forEach((value, index) => {
      for (const control of [thumbs[index], fields[index]]) {
        if (control !== undefined) control.value = String(value);
      }
    });
    track.style.setProperty('--from', `${(100 * window.min) / end}%`);
    track.style.setProperty('--to', `${(100 * window.max) / end}%`);
  };
  const read = ([low, high]: readonly [HTMLInputElement, HTMLInputElement], moved: number) => {
    // The thumb that moves stops at the other one.
    const min = moved === 0 ? Math.min(low.valueAsNumber, window.max - 1) : window.min;
    const max = moved === 1 ? Math.max(high.valueAsNumber, window.min + 1) : window.max;
    show(Number.isNaN(min + max) ? window : tidyWindow(min, max, limit));
  };
  thumbs.forEach((thumb, index) => {
    thumb.addEventListener('input', () => {
      read(thumbs, index);
      listener.moving(window);
    });
    thumb.addEventListener('change', () => {
      listener.settled(window);
    });
  });
  fields.forEach((field, index) => {
    field.addEventListener('change', () => {
      read(fields, index);
      listener.settled(window);
    });
  });
  show(initial);
  return {
    element: element('div', { class: 'contrast' }, fields[0], track, fields[1]),
    set: show,
  };
}
