/** The channels of an experiment as the user has set them: on or off, colour, contrast. */

import type { Channel, ChannelLayer } from '../api_types';
import type { IntensityWindow } from './contrast';
import { tidyWindow } from './contrast';

/** The time point and z-plane on show. */
export interface Plane {
  readonly tpoint: number;
  readonly zplane: number;
}

/** A channel and its display settings. */
export interface ChannelDisplay {
  readonly channel: Channel;
  visible: boolean;
  /** `#rrggbb` */
  colour: string;
  window: IntensityWindow;
  /** Exponent of the brightness: below 1 what is dim is shown brighter. */
  gamma: number;
}

const DNA_COLOUR = '#4f7dff';
const DNA_NAMES = /dna|dapi|hoechst|draq5|nucle|h2b/i;

/** Told apart also with red-green blindness when no more than three are on. */
const COLOURS = ['#2fd67b', '#ff4d6a', '#ffd23f', '#35d8e8', '#ff7af0', '#ff9a3d', '#f0f0f0'];

/** How many channels are on at the beginning; more than three hide each other. */
const INITIALLY_VISIBLE = 3;

/** The largest intensity that the channel's images can hold. */
export function intensityLimit(channel: Channel): number {
  return 2 ** channel.bit_depth - 1;
}

/** The first DNA channel, or else the first channel, is blue; the others take the palette in turn. */
export function defaultColours(names: readonly string[]): string[] {
  if (names.length === 1) return ['#f0f0f0'];
  const dna = Math.max(
    0,
    names.findIndex((name) => DNA_NAMES.test(name)),
  );
  return names.map((_, index) => {
    if (index === dna) return DNA_COLOUR;
    const turn = index < dna ? index : index - 1;
    return COLOURS[turn % COLOURS.length] ?? DNA_COLOUR;
  });
}

export function layerAt(channel: Channel, plane: Plane): ChannelLayer | undefined {
  return channel.layers.find(
    (layer) => layer.tpoint === plane.tpoint && layer.zplane === plane.zplane,
  );
}

/** The window that the workflow has found for all images of the layer. */
export function layerWindow(layer: ChannelLayer, channel: Channel): IntensityWindow {
  return tidyWindow(layer.min_intensity, layer.max_intensity, intensityLimit(channel));
}

/** Displays of all channels that have something to show. */
export function channelDisplays(channels: readonly Channel[]): ChannelDisplay[] {
  const shown = channels.filter((channel) => channel.layers.length > 0);
  const colours = defaultColours(shown.map((channel) => channel.name));
  return shown.map((channel, index) => {
    const [layer] = channel.layers;
    return {
      channel,
      visible: index < INITIALLY_VISIBLE,
      colour: colours[index] ?? DNA_COLOUR,
      gamma: 1,
      window: layer ? layerWindow(layer, channel) : { min: 0, max: intensityLimit(channel) },
    };
  });
}

/** All time points and z-planes for which there are images, in order. */
export function planes(channels: readonly Channel[]): { tpoints: number[]; zplanes: number[] } {
  const layers = channels.flatMap((channel) => channel.layers);
  const sorted = (values: number[]) => [...new Set(values)].sort((a, b) => a - b);
  return {
    tpoints: sorted(layers.map((layer) => layer.tpoint)),
    zplanes: sorted(layers.map((layer) => layer.zplane)),
  };
}

/** The red, green and blue parts, 0 to 255, of `#rrggbb`. */
export function rgb(colour: string): [number, number, number] {
  const value = Number.parseInt(colour.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
