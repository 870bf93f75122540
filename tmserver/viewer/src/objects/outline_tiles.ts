/** Outlines and centroids of a segmentation layer as vector tiles, drawn in the colours of a style. */

import MVT from 'ol/format/MVT';
import VectorTileLayer from 'ol/layer/VectorTile';
import RenderFeature from 'ol/render/Feature';
import VectorTileSource from 'ol/source/VectorTile';
import type { StyleFunction } from 'ol/style/Style';
import { Circle, Fill, Stroke, Style } from 'ol/style';
import type Tile from 'ol/Tile';
import TileState from 'ol/TileState';
import VectorTile from 'ol/VectorTile';
import type { Api } from '../api';
import { layerPath, messageOf } from '../api';
import type { Colouring } from './colouring';
import { TILE_SIZE } from '../pixels/intensity_tiles';
import type { PlateMap } from '../plate/map';
import { SELECTION_COLOUR } from './object_selection';
import type { ObjectDisplay } from './objects';

export type OutlineLayer = VectorTileLayer<VectorTileSource, RenderFeature>;

/** Of an object so far out that it has no outline, in screen pixels. */
const DOT_RADIUS = 1.4;

/** How much of what lies below is hidden by objects that are filled with the colour of a value. */
const FILL_OPACITY = '99';

const FORMAT = new MVT<RenderFeature>({ featureClass: RenderFeature });

/** Width of outlines in screen pixels: thinner where cells are so small that lines would hide them. */
function lineWidth(resolution: number): number {
  if (resolution <= 1.5) return 1.5;
  return resolution <= 3 ? 1 : 0.6;
}

/** Of selected objects, above the others; the same for both kinds of layers. */
const SELECTED = new Style({
  zIndex: 1,
  stroke: new Stroke({ color: SELECTION_COLOUR, width: 2.5 }),
  fill: new Fill({ color: `${SELECTION_COLOUR}59` }),
  image: new Circle({ radius: 2 * DOT_RADIUS, fill: new Fill({ color: SELECTION_COLOUR }) }),
});

function styleIn(colour: string, fill: Fill | undefined, width: number): Style {
  return new Style({
    stroke: new Stroke({ color: colour, width }),
    image: new Circle({ radius: DOT_RADIUS, fill: new Fill({ color: colour }) }),
    ...(fill === undefined ? {} : { fill }),
  });
}

/** A style for each colour and width, so that objects of the same colour are drawn in one go. */
export function styleOf(
  display: ObjectDisplay,
  colouring: Colouring | undefined,
  selected: ReadonlySet<number>,
): StyleFunction {
  const styles = new Map<string, Style>();
  return (feature, resolution) => {
    const id = Number(feature.getId());
    if (selected.has(id)) return SELECTED;
    const colour = colouring?.colourOf(id) ?? display.colour;
    const width = display.isStatic ? 1 : lineWidth(resolution);
    const key = `${colour} ${width}`;
    const found = styles.get(key);
    if (found !== undefined) return found;
    const fill = colouring === undefined ? undefined : new Fill({ color: colour + FILL_OPACITY });
    const made = styleIn(colour, fill, width);
    styles.set(key, made);
    return made;
  };
}

export function outlineSource(
  map: PlateMap,
  api: Api,
  experimentId: string,
  layerId: string,
  version: string,
  onError: (message: string) => void,
): VectorTileSource {
  const path = `${layerPath(experimentId, layerId)}/vector_tiles`;
  const query = `version=${encodeURIComponent(version)}`;
  return new VectorTileSource({
    format: FORMAT,
    projection: map.projection,
    tileGrid: map.tileGrid,
    tileSize: TILE_SIZE,
    zDirection: 0,
    tileUrlFunction: ([z = 0, x = 0, y = 0]) => `${path}?x=${x}&y=${y}&z=${z}&${query}`,
    tileLoadFunction: (tile, url) => {
      load(tile, api.bytes(url), onError);
    },
  });
}

function load(tile: Tile, content: Promise<ArrayBuffer>, onError: (message: string) => void): void {
  // OpenLayers hands over under its general type what the source made.
  if (!(tile instanceof VectorTile)) return;
  tile.setLoader((extent, _, projection) => {
    content.then(
      (buffer) => {
        tile.setFeatures(FORMAT.readFeatures(buffer, { extent, featureProjection: projection }));
      },
      (error: unknown) => {
        tile.setState(TileState.ERROR);
        onError(messageOf(error));
      },
    );
  });
}
