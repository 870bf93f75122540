/** Which colour an object has by its value, and what the legend says about it. */

import type { ObjectValues } from './object_values';

/** Viridis at equal steps: as bright as the value is high, for all kinds of eyes. */
const VIRIDIS = [
  '#440154', '#482878', '#3e4a89', '#31688e', '#26828e', '#1f9e89', '#35b779', '#6ece58', '#b5de2b',
  '#fde725',
];

/** Classes, told apart on black (after Okabe and Ito, with lighter companions). */
const CLASSES = [
  '#56b4e9', '#e69f00', '#00c49a', '#f0e442', '#cc79a7', '#d55e00', '#3d8ee6', '#a6d96a', '#b39ddb',
  '#ffb3a7', '#80deea', '#c5a880',
];

/** Of objects without a value. */
export const MISSING_COLOUR = '#6b7280';

const STEPS = 64;
/** Shares of the values that lie below and above the ends of the scale. */
const LOW = 0.01;
const HIGH = 0.99;
const SAMPLE = 20_000;

export type Rgb = readonly [number, number, number];

export function rgbOf(colour: string): Rgb {
  const number = parseInt(colour.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

function hexOf(rgb: Rgb): string {
  return `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;
}

export function mix(one: Rgb, other: Rgb, share: number): Rgb {
  const part = (index: 0 | 1 | 2) => one[index] + (other[index] - one[index]) * share;
  return [part(0), part(1), part(2)];
}

/** Colours at equal steps between given ones. */
export function ramp(stops: readonly string[], steps: number): string[] {
  const last = stops.length - 1;
  return Array.from({ length: steps }, (_, step) => {
    const place = (step / Math.max(steps - 1, 1)) * last;
    const below = Math.min(Math.floor(place), Math.max(last - 1, 0));
    const one = rgbOf(stops[below] ?? '#000000');
    const other = rgbOf(stops[Math.min(below + 1, last)] ?? '#000000');
    return hexOf(mix(one, other, place - below));
  });
}

/** The range in which nearly all values lie, from a sample of them. */
export function robustRange(values: ArrayLike<number>): [number, number] {
  const step = Math.max(1, Math.floor(values.length / SAMPLE));
  const sample: number[] = [];
  for (let row = 0; row < values.length; row += step) {
    const value = values[row] ?? NaN;
    if (Number.isFinite(value)) sample.push(value);
  }
  if (sample.length === 0) return [0, 1];
  sample.sort((a, b) => a - b);
  const at = (share: number) => sample[Math.round(share * (sample.length - 1))] ?? 0;
  const [low, high] = [at(LOW), at(HIGH)];
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

export interface ColouringOptions {
  /** Ends of the scale; where nearly all values lie if not given. */
  readonly range?: readonly [number, number];
  /** `#rrggbb`: of each class, or stops of the scale. */
  readonly colours?: readonly string[];
}

/** Colours of all objects of a type. */
export class Colouring {
  /** Colours that objects have; `indexOf` points to them. */
  readonly colours: readonly string[];
  readonly range: readonly [number, number];
  /** Names of the classes; null where values are measured. */
  readonly classes: readonly string[] | null;

  constructor(
    readonly title: string,
    readonly values: ObjectValues,
    options: ColouringOptions = {},
  ) {
    this.classes = values.texts;
    if (this.classes === null) {
      this.range = options.range ?? robustRange(values.values);
      this.colours = ramp(options.colours ?? VIRIDIS, STEPS);
    } else {
      this.range = [0, this.classes.length - 1];
      const given = options.colours ?? CLASSES;
      this.colours = this.classes.map((_, index) => given[index % given.length] ?? MISSING_COLOUR);
    }
  }

  /** Which of `colours` a value has; -1 if it is missing. */
  indexOf(value: number): number {
    if (Number.isNaN(value)) return -1;
    if (this.classes !== null) return value < this.colours.length ? value : -1;
    const [low, high] = this.range;
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return Math.round(share * (this.colours.length - 1));
  }

  /** The colour of an object. */
  colourOf(id: number): string {
    return this.colours[this.indexOf(this.values.of(id))] ?? MISSING_COLOUR;
  }
}
