/** Which colour an object has by its value, and what the legend says about it. */

import { formatValue } from '../page/format';
import type { Numbers, ObjectValues } from './object_values';
import type { Palette } from './palettes';
import { PALETTES } from './palettes';

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
  /** The scale of measured values, where it has no stops of its own. */
  readonly palette?: Palette;
  /** Whether equal ratios are equally far from each other on the scale, instead of differences. */
  readonly isLogarithmic?: boolean;
}

/** The smallest and the largest of all values, or of all above 0. */
function extremes(values: Numbers, onlyPositive: boolean): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value) || (onlyPositive && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [1, 2];
  if (low < high) return [low, high];
  return onlyPositive ? [low / 2, low * 2] : [low - 0.5, low + 0.5];
}

/** Colours of all objects of a type. */
export class Colouring {
  /** Colours that objects have; `indexOf` points to them. */
  readonly colours: readonly string[];
  readonly range: readonly [number, number];
  /** Whether the scale is logarithmic, which it can be where there are values above 0. */
  readonly isLogarithmic: boolean;
  /** Names of the classes; null where values are measured. */
  readonly classes: readonly string[] | null;
  private found: readonly [number, number] | undefined;

  constructor(
    readonly title: string,
    readonly values: ObjectValues,
    readonly options: ColouringOptions = {},
  ) {
    this.classes = values.texts;
    this.isLogarithmic = options.isLogarithmic === true && this.classes === null;
    if (this.classes === null) {
      this.range = this.tidy(options.range ?? robustRange(values.values));
      this.colours = ramp(options.colours ?? PALETTES[options.palette ?? 'viridis'], STEPS);
    } else {
      this.range = [0, this.classes.length - 1];
      const given = options.colours ?? CLASSES;
      this.colours = this.classes.map((_, index) => given[index % given.length] ?? MISSING_COLOUR);
    }
  }

  /** The ends that the range can have. */
  get limits(): readonly [number, number] {
    this.found ??= extremes(this.values.values, this.isLogarithmic);
    return this.found;
  }

  /** A logarithm begins above 0; where nothing is left between the ends, all values are. */
  private tidy([low, high]: readonly [number, number]): readonly [number, number] {
    const from = this.isLogarithmic && low <= 0 ? this.limits[0] : low;
    return from < high ? [from, high] : this.limits;
  }

  /** Where a value lies between two ends, from 0 to 1, and the value of a place. */
  place(value: number, [low, high]: readonly [number, number]): number {
    if (!this.isLogarithmic) return (value - low) / (high - low);
    return Math.log(value / low) / Math.log(high / low);
  }

  valueAt(place: number, [low, high]: readonly [number, number]): number {
    return this.isLogarithmic ? low * (high / low) ** place : low + (high - low) * place;
  }

  /** Which of `colours` a value has; -1 if it is missing. */
  indexOf(value: number): number {
    if (Number.isNaN(value)) return -1;
    if (this.classes !== null) return value < this.colours.length ? value : -1;
    if (this.isLogarithmic && value <= 0) return 0;
    const share = Math.min(1, Math.max(0, this.place(value, this.range)));
    return Math.round(share * (this.colours.length - 1));
  }

  /** The value of an object in words; undefined if it has none. */
  textOf(id: number): string | undefined {
    const value = this.values.of(id);
    if (Number.isNaN(value)) return undefined;
    return this.classes === null ? formatValue(value) : this.classes[value];
  }

  /** The colour of an object. */
  colourOf(id: number): string {
    return this.colours[this.indexOf(this.values.of(id))] ?? MISSING_COLOUR;
  }
}
