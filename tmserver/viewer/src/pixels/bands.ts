/** What has to be fetched to show the channels: one band of tiles for each visible one. */

import { experimentPath } from '../api';
import type { ChannelDisplay, Plane } from './channels';
import { layerAt, rgb } from './channels';

/** Tiles of one version of a pyramid. */
export interface Band {
  readonly channelId: string;
  readonly layerId: string;
  /** Of the layer: tiles that are asked for by it are never asked for twice. */
  readonly version: string;
}

/** How a band enters the picture: `clip(intensity * gain + offset) ** gamma * rgb`. */
export interface BandPaint {
  readonly gain: number;
  readonly offset: number;
  readonly gamma: number;
  readonly rgb: readonly [number, number, number];
}

const HIDDEN: BandPaint = { gain: 0, offset: 0, gamma: 1, rgb: [0, 0, 0] };

/** The band of one channel, if it has images in this plane. */
export function bandOf({ channel }: ChannelDisplay, plane: Plane): Band | undefined {
  const layer = layerAt(channel, plane);
  if (layer === undefined) return undefined;
  return { channelId: channel.id, layerId: layer.id, version: layer.version };
}

export function wantedBands(displays: readonly ChannelDisplay[], plane: Plane): Band[] {
  return displays
    .filter((display) => display.visible)
    .map((display) => bandOf(display, plane))
    .filter((band) => band !== undefined);
}

/** Whether the picture that `wanted` asks for can be made of `fetched`. */
export function bandsServe(fetched: readonly Band[], wanted: readonly Band[]): boolean {
  return wanted.every((band) =>
    fetched.some((other) => other.layerId === band.layerId && other.version === band.version),
  );
}

/** The paint of a band for the channels as they are set now. */
export function paintOf(band: Band, displays: readonly ChannelDisplay[]): BandPaint {
  const display = displays.find((candidate) => candidate.channel.id === band.channelId);
  if (!display?.visible) return HIDDEN;
  const { window, gamma, colour } = display;
  const gain = 1 / (window.max - window.min);
  return { gain, offset: -window.min * gain, gamma, rgb: rgb(colour) };
}

/**
 * Address of one tile; x and y count from the top left, z = 0 is the outermost level.
 *
 * It has the version of the layer, so that browsers keep what comes from it for good.
 */
export function tilePath(
  experimentId: string,
  band: Band,
  z: number,
  x: number,
  y: number,
): string {
  const layer = `${experimentPath(experimentId)}/channel_layers/${encodeURIComponent(band.layerId)}`;
  const version = encodeURIComponent(band.version);
  return `${layer}/tiles?x=${x}&y=${y}&z=${z}&format=png16&version=${version}`;
}
