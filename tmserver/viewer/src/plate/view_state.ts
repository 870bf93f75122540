/** How a plate is shown, as parts of an address that can be kept and shared. */

import type { ColouringOptions } from '../objects/colouring';
import type { Palette } from '../objects/palettes';
import { PALETTE_NAMES } from '../objects/palettes';
import type { IntensityWindow } from '../pixels/contrast';
import { tidyWindow } from '../pixels/contrast';
import type { Docked } from '../views/docked';
import { readDocked, writeDocked } from '../views/docked';

/** The centre in pixels of the map, y downwards, and map pixels per screen pixel. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly resolution: number;
}

export interface ShownChannel {
  readonly visible: boolean;
  readonly colour: string;
  readonly window: IntensityWindow;
  readonly gamma: number;
}

export interface ShownObjects {
  readonly visible: boolean;
  readonly colour: string;
  readonly column: { readonly name: string; readonly options: ColouringOptions } | undefined;
}

/** What is undefined, or in no map, is as it is by itself. */
export interface ViewState {
  readonly place: Place | undefined;
  readonly tpoint: number | undefined;
  readonly zplane: number | undefined;
  readonly follows: boolean;
  /** By the names of channels and of types of objects. */
  readonly channels: ReadonlyMap<string, ShownChannel>;
  readonly objects: ReadonlyMap<string, ShownObjects>;
  readonly selected: { readonly typeName: string; readonly id: number } | undefined;
  readonly docked: Docked | undefined;
}

const [CHANNEL, OBJECTS, COLUMN, SCALE] = ['channel.', 'objects.', 'by.', 'scale.'];
const LARGEST_INTENSITY = 2 ** 16 - 1;

/** A number with as many digits as a view needs. */
function short(value: number): string {
  return String(Number(value.toPrecision(7)));
}

/** What belongs to the channels alone, which is remembered for each experiment. */
export function writeChannels(state: Pick<ViewState, 'channels' | 'follows'>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, { visible, colour, window, gamma }] of state.channels) {
    const parts = [visible ? 'on' : 'off', colour.slice(1), window.min, window.max, gamma];
    query.set(CHANNEL + name, parts.join(','));
  }
  if (state.follows) query.set('contrast', 'view');
  return query;
}

export function writeView(state: ViewState): URLSearchParams {
  const query = new URLSearchParams();
  const { place, tpoint, zplane, selected } = state;
  if (place !== undefined) query.set('at', [place.x, place.y, place.resolution].map(short).join(','));
  if (tpoint !== undefined) query.set('t', String(tpoint));
  if (zplane !== undefined) query.set('z', String(zplane));
  for (const [name, value] of writeChannels(state)) query.set(name, value);
  for (const [name, { visible, colour, column }] of state.objects) {
    query.set(OBJECTS + name, `${visible ? 'on' : 'off'},${colour.slice(1)}`);
    if (column === undefined) continue;
    query.set(COLUMN + name, column.name);
    const { palette, range, isLogarithmic } = column.options;
    const scale = [palette ?? '', ...(range?.map(short) ?? ['', '']), isLogarithmic ? 'log' : ''];
    if (scale.some((part) => part !== '')) query.set(SCALE + name, scale.join(','));
  }
  if (selected !== undefined) query.set('selected', `${selected.id},${selected.typeName}`);
  writeDocked(query, state.docked);
  return query;
}

/** Reads an address; what it says in no known way is left out. */
export function readView(query: URLSearchParams): ViewState {
  const channels = new Map<string, ShownChannel>();
  const objects = new Map<string, ShownObjects>();
  for (const [key, value] of query) {
    if (key.startsWith(CHANNEL)) {
      const channel = readChannel(value);
      if (channel !== undefined) channels.set(key.slice(CHANNEL.length), channel);
    } else if (key.startsWith(OBJECTS)) {
      const name = key.slice(OBJECTS.length);
      const [visible, hex = ''] = value.split(',');
      if (!isColour(hex)) continue;
      objects.set(name, { visible: visible === 'on', colour: `#${hex}`, column: readColumn(query, name) });
    }
  }
  const [x, y, resolution] = (query.get('at') ?? '').split(',').map(Number);
  const isPlace = [x, y, resolution].every(Number.isFinite) && (resolution ?? 0) > 0;
  const [id = '', ...typeName] = (query.get('selected') ?? '').split(',');
  return {
    place: isPlace ? { x: x ?? 0, y: y ?? 0, resolution: resolution ?? 1 } : undefined,
    tpoint: readIndex(query.get('t')),
    zplane: readIndex(query.get('z')),
    follows: query.get('contrast') === 'view',
    channels,
    objects,
    selected: /^\d+$/.test(id) ? { id: Number(id), typeName: typeName.join(',') } : undefined,
    docked: readDocked(query),
  };
}

function readIndex(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}

function isColour(hex: string): boolean {
  return /^[\da-f]{6}$/.test(hex);
}

function readChannel(text: string): ShownChannel | undefined {
  const [visible, hex = '', ...numbers] = text.split(',');
  const [min = NaN, max = NaN, gamma = NaN] = numbers.map(Number);
  if (!isColour(hex) || ![min, max].every(Number.isFinite) || !(gamma > 0)) return undefined;
  const window = tidyWindow(min, max, LARGEST_INTENSITY);
  return { visible: visible === 'on', colour: `#${hex}`, window, gamma };
}

function readColumn(query: URLSearchParams, name: string): ShownObjects['column'] {
  const column = query.get(COLUMN + name);
  if (column === null) return undefined;
  const [palette, low = '', high = '', log] = (query.get(SCALE + name) ?? '').split(',');
  const range = [low, high].map(Number) as [number, number];
  const isRange = low !== '' && high !== '' && range.every(Number.isFinite) && range[0] < range[1];
  return {
    name: column,
    options: {
      ...(PALETTE_NAMES.some((one) => one === palette) ? { palette: palette as Palette } : {}),
      ...(isRange ? { range } : {}),
      ...(log === 'log' ? { isLogarithmic: true } : {}),
    },
  };
}
