/** What has to be fetched to show the channels: one band of gray tiles for each visible one. */

import { experimentPath } from '../api';
import type { ChannelDisplay, Plane } from './channels';
import { layerAt, layerWindow, rgb } from './channels';
import type { IntensityWindow } from './contrast';
import { brightness, sameWindow, windowServes } from './contrast';

/** Gray tiles of one pyramid, made for one intensity window. */
export interface Band {
  readonly channelId: string;
  readonly layerId: string;
  /** Of the layer: tiles that are asked for by it are never asked for twice. */
  readonly version: string;
  readonly window: IntensityWindow;
  /** The server uses this window anyway, so the address need not name it. */
  readonly isDefaultWindow: boolean;
}

/** How a band enters the picture: `clip(gray * gain + offset) * rgb`, gray from 0 to 1. */
export interface BandPaint {
  readonly gain: number;
  readonly offset: number;
  readonly rgb: readonly [number, number, number];
}

const HIDDEN: BandPaint = { gain: 0, offset: 0, rgb: [0, 0, 0] };

/** The band of one channel with its current window, if it has images in this plane. */
export function bandOf(
  display: ChannelDisplay,
  plane: Plane,
  window: IntensityWindow = display.window,
): Band | undefined {
  const layer = layerAt(display.channel, plane);
  if (layer === undefined) return undefined;
  return {
    channelId: display.channel.id,
    layerId: layer.id,
    version: layer.version,
    window,
    isDefaultWindow: sameWindow(window, layerWindow(layer, display.channel)),
  };
}

export function wantedBands(displays: readonly ChannelDisplay[], plane: Plane): Band[] {
  return displays
    .filter((display) => display.visible)
    .map((display) => bandOf(display, plane))
    .filter((band) => band !== undefined);
}

/** Whether the picture that `wanted` asks for can be made of `fetched` without loss. */
export function bandsServe(fetched: readonly Band[], wanted: readonly Band[]): boolean {
  return wanted.every((band) =>
    fetched.some(
      (other) =>
        other.layerId === band.layerId &&
        other.version === band.version &&
        windowServes(other.window, band.window),
    ),
  );
}

/** The paint of a band for the channels as they are set now. */
export function paintOf(band: Band, displays: readonly ChannelDisplay[]): BandPaint {
  const display = displays.find((candidate) => candidate.channel.id === band.channelId);
  if (!display?.visible) return HIDDEN;
  return { ...brightness(band.window, display.window), rgb: rgb(display.colour) };
}

/** Address of one gray tile; x and y count from the top left, z = 0 is the outermost level. */
export function tilePath(
  experimentId: string,
  band: Band,
  z: number,
  x: number,
  y: number,
): string {
  const layer = `${experimentPath(experimentId)}/channel_layers/${encodeURIComponent(band.layerId)}`;
  const window = band.isDefaultWindow ? '' : `&min=${band.window.min}&max=${band.window.max}`;
  return `${layer}/tiles?x=${x}&y=${y}&z=${z}${window}&version=${encodeURIComponent(band.version)}`;
}
