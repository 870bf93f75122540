/** The window of a channel: handles on its histogram, the same two numbers as fields, and gamma. */

import { element } from '../page/dom';
import type { ChannelDisplay } from './channels';
import { intensityLimit } from './channels';
import type { IntensityWindow } from './contrast';
import { tidyWindow } from './contrast';
import { histogramView } from './histogram_view';

export interface ContrastSlider {
  readonly element: HTMLElement;
  /** Moves everything to where the channel is set, without telling anybody. */
  readonly show: () => void;
  /** Shows how often each intensity is in view. */
  readonly showCounts: (counts: Uint32Array) => void;
}

/** Gamma is the square of this to the power of where its slider stands, from -1 to 1. */
const GAMMA_REACH = 3;

/** The end of the slider: some way above the window, but not the whole 16 bits of a dim image. */
export function sliderEnd(window: IntensityWindow, limit: number): number {
  return Math.min(limit, Math.max(255, 2 * window.max));
}

/** Where the slider of a gamma stands, from -1 to 1; and the gamma of a place. */
export function gammaPlace(gamma: number): number {
  return Math.log(gamma) / Math.log(GAMMA_REACH ** 2);
}

export function gammaAt(place: number): number {
  return Number((GAMMA_REACH ** (2 * place)).toFixed(2));
}

function gammaSlider(display: ChannelDisplay, changed: () => void) {
  const { name } = display.channel;
  const slider = element('input', {
    type: 'range',
    min: '-1',
    max: '1',
    step: '0.01',
    class: 'gamma',
    title: 'Gamma: to the left, what is dim is shown brighter. A double click sets it back.',
    'aria-label': `${name}: gamma`,
    'data-testid': `channel-${name}-gamma`,
  });
  const number = element('output', {}, '');
  const show = () => {
    slider.value = String(gammaPlace(display.gamma));
    number.textContent = `γ ${display.gamma.toFixed(2)}`;
    slider.setAttribute('aria-valuetext', display.gamma.toFixed(2));
  };
  const set = (gamma: number) => {
    display.gamma = gamma;
    show();
    changed();
  };
  slider.addEventListener('input', () => {
    set(gammaAt(slider.valueAsNumber));
  });
  slider.addEventListener('dblclick', () => {
    set(1);
  });
  return { element: element('span', { class: 'gamma' }, slider, number), show };
}

/** `changed` is called after each change of the channel's window or gamma. */
export function contrastSlider(display: ChannelDisplay, changed: () => void): ContrastSlider {
  const { name } = display.channel;
  const limit = intensityLimit(display.channel);
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
  const histogram = histogramView(`channel-${name}-histogram`);
  const track = element('div', { class: 'double-slider' }, histogram.element, ...thumbs);
  const gamma = gammaSlider(display, changed);
  let counts = new Uint32Array(1);
  let end = 0;

  const show = () => {
    const { window } = display;
    // The end only grows: a scale that shrinks under the pointer is hard to use.
    const grown = Math.max(end, sliderEnd(window, limit));
    if (grown !== end) histogram.show(counts, grown);
    end = grown;
    for (const thumb of thumbs) thumb.max = String(end);
    [window.min, window.max].forEach((value, index) => {
      for (const control of [thumbs[index], fields[index]]) {
        if (control !== undefined) control.value = String(value);
      }
    });
    track.style.setProperty('--from', `${(100 * window.min) / end}%`);
    track.style.setProperty('--to', `${(100 * window.max) / end}%`);
    gamma.show();
  };
  const read = ([low, high]: readonly [HTMLInputElement, HTMLInputElement], moved: number) => {
    const { window } = display;
    // The thumb that moves stops at the other one.
    const min = moved === 0 ? Math.min(low.valueAsNumber, window.max - 1) : window.min;
    const max = moved === 1 ? Math.max(high.valueAsNumber, window.min + 1) : window.max;
    if (!Number.isNaN(min + max)) display.window = tidyWindow(min, max, limit);
    show();
    changed();
  };
  thumbs.forEach((thumb, index) => {
    thumb.addEventListener('input', () => {
      read(thumbs, index);
    });
  });
  fields.forEach((field, index) => {
    field.addEventListener('change', () => {
      read(fields, index);
    });
  });
  show();
  return {
    element: element('div', { class: 'contrast' }, track, fields[0], gamma.element, fields[1]),
    show,
    showCounts: (next) => {
      counts = next.slice();
      histogram.show(counts, end);
    },
  };
}
