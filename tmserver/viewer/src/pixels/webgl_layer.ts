/** Blends the channels on the graphics card: colour and contrast change without new tiles. */

import WebGLTileLayer from 'ol/layer/WebGLTile';
import type { ExpressionValue } from 'ol/expr/expression';
import DataTileSource from 'ol/source/DataTile';
import { element } from '../page/dom';
import type { Band, BandPaint } from './bands';
import type { IntensityTile, IntensityTiles } from './intensity_tiles';
import { TILE_SIZE } from './intensity_tiles';
import type { PlateMap } from '../plate/map';
import type { BlendedLayer } from './blended_layer';

/** Tile textures that stay on the graphics card, at 1 MiB each for four channels. */
const KEPT_TEXTURES = 128;

/** Whether the browser can draw with WebGL at all. */
export function hasWebGL(): boolean {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('webgl2') ?? canvas.getContext('webgl');
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return context !== null;
}

/** Says that the browser draws without it. */
export function noWebGLHint(): HTMLElement {
  return element(
    'p',
    { class: 'hint', 'data-testid': 'no-webgl' },
    'Drawn without WebGL, which this browser does not offer: the same picture, but slower.',
  );
}

/** One tile of several bands: their intensities side by side for each pixel. */
export function interleave(planes: readonly IntensityTile[]): Float32Array<ArrayBuffer> {
  const [first] = planes;
  if (first === undefined) return new Float32Array(TILE_SIZE * TILE_SIZE);
  // Textures of numbers with 16 bits would not be interpolated.
  const packed = new Float32Array(first.length * planes.length);
  planes.forEach((plane, band) => {
    for (let pixel = 0; pixel < plane.length; pixel++) {
      packed[pixel * planes.length + band] = plane[pixel] ?? 0;
    }
  });
  return packed;
}

type Variables = Record<string, number>;

function variablesOf(paints: readonly BandPaint[]): Variables {
  const variables: Variables = {};
  paints.forEach(({ gain, offset, gamma, rgb: [red, green, blue] }, band) => {
    variables[`gain${band}`] = gain;
    variables[`offset${band}`] = offset;
    variables[`gamma${band}`] = gamma;
    variables[`red${band}`] = red;
    variables[`green${band}`] = green;
    variables[`blue${band}`] = blue;
  });
  return variables;
}

/** The sum over all bands of their brightness times one part (red, green, blue) of their colour. */
function blended(part: string, bandCount: number): ExpressionValue {
  const terms = Array.from({ length: bandCount }, (_, band) => {
    const value = ['+', ['*', ['band', band + 1], ['var', `gain${band}`]], ['var', `offset${band}`]];
    const brightness = ['^', ['clamp', value, 0, 1], ['var', `gamma${band}`]];
    return ['*', brightness, ['var', `${part}${band}`]];
  });
  return ['clamp', terms.length === 1 ? (terms[0] ?? 0) : ['+', ...terms], 0, 255];
}

export function webglLayer(
  map: PlateMap,
  tiles: IntensityTiles,
  bands: readonly Band[],
  paints: readonly BandPaint[],
  interpolate: boolean,
): BlendedLayer {
  const source = new DataTileSource({
    loader: async (z, x, y) =>
      interleave(await Promise.all(bands.map((band) => tiles.get(band, z, x, y)))),
    bandCount: bands.length,
    tileGrid: map.tileGrid,
    projection: map.projection,
    zDirection: map.zDirection,
    interpolate,
    transition: 0,
  });
  const layer = new WebGLTileLayer({
    source,
    extent: map.extent,
    cacheSize: KEPT_TEXTURES,
    style: {
      color: [
        'color',
        blended('red', bands.length),
        blended('green', bands.length),
        blended('blue', bands.length),
      ],
      variables: variablesOf(paints),
    },
  });
  return {
    layer,
    source,
    paint: (changed) => {
      layer.updateStyleVariables(variablesOf(changed));
    },
  };
}
