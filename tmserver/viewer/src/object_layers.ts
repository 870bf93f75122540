/** The outlines on the map: one layer of vector tiles for each mapobject type. */

import { toGeometry } from 'ol/render/Feature';
import RenderFeature from 'ol/render/Feature';
import { buffer, createEmpty, extend } from 'ol/extent';
import type { Coordinate } from 'ol/coordinate';
import GeoJSON from 'ol/format/GeoJSON';
import type Geometry from 'ol/geom/Geometry';
import VectorTileLayer from 'ol/layer/VectorTile';
import VectorTileSource from 'ol/source/VectorTile';
import type Tile from 'ol/Tile';
import TileState from 'ol/TileState';
import VectorTile from 'ol/VectorTile';
import { Circle, Fill, Stroke, Style } from 'ol/style';
import type { StyleFunction } from 'ol/style/Style';
import type { Api } from './api';
import { experimentPath, messageOf } from './api';
import type { Plane } from './channels';
import { TILE_SIZE } from './gray_tiles';
import type { PlateMap } from './map';
import type { ObjectDisplay } from './objects';
import { segmentationLayerAt } from './objects';

/** An object on the map, with its outline (far out: a point) as drawn at the present zoom. */
export interface MapObject {
  readonly typeName: string;
  readonly id: number;
  readonly isStatic: boolean;
  readonly geometry: Geometry;
}

type ObjectLayer = VectorTileLayer<VectorTileSource, RenderFeature>;

interface DrawnType {
  readonly display: ObjectDisplay;
  /**
   * Near, outlines are drawn anew in each frame and stay sharp however far they are magnified. Far,
   * with tens of thousands on screen, they are drawn once per tile.
   */
  readonly near: ObjectLayer;
  readonly far: ObjectLayer;
  /** The segmentation layer that is drawn. */
  layerId: string | undefined;
}

/** How far from a dot the pointer still finds it, in screen pixels. */
const POINTER_TOLERANCE = 4;

/** Image pixels per screen pixel from which on outlines are drawn once per tile. */
const FAR = 1.01;

/** Of an object so far out that it has no outline, in screen pixels. */
const DOT_RADIUS = 1.1;

/** Width of outlines in screen pixels: thinner where cells are so small that lines would hide them. */
function lineWidth(resolution: number): number {
  if (resolution <= 1.5) return 1.5;
  return resolution <= 3 ? 1 : 0.6;
}

function styleOf(display: ObjectDisplay): StyleFunction {
  const stroke = new Stroke({ color: display.colour });
  const image = new Circle({ radius: DOT_RADIUS, fill: new Fill({ color: display.colour }) });
  const style = new Style({ stroke, image });
  return (_, resolution) => {
    stroke.setWidth(display.isStatic ? 1 : lineWidth(resolution));
    return style;
  };
}

export class ObjectLayers {
  private readonly types: DrawnType[];
  private readonly format = new GeoJSON<RenderFeature>({ featureClass: RenderFeature });

  /** Called with a sentence for the user when outlines cannot be had. */
  onError: ((message: string) => void) | undefined;

  constructor(
    private readonly map: PlateMap,
    private readonly api: Api,
    private readonly experimentId: string,
    displays: readonly ObjectDisplay[],
  ) {
    this.types = displays.map((display, index) => {
      const common = {
        extent: map.extent,
        // The layout lies under the cells, and later segmented types under earlier ones.
        zIndex: display.isStatic ? 1 : 2 + displays.length - index,
      };
      return {
        display,
        near: new VectorTileLayer({ ...common, renderMode: 'vector', maxResolution: FAR }),
        far: new VectorTileLayer({ ...common, renderMode: 'hybrid', minResolution: FAR }),
        layerId: undefined,
      };
    });
    for (const { near, far } of this.types) {
      map.olMap.addLayer(near);
      map.olMap.addLayer(far);
    }
  }

  /** Follows the settings and the time point and z-plane on show; `force` fetches everything again. */
  refresh(plane: Plane, force = false): void {
    for (const drawn of this.types) {
      const { display } = drawn;
      const layers = [drawn.near, drawn.far];
      const layerId = segmentationLayerAt(display.type, plane)?.id;
      for (const layer of layers) {
        layer.setStyle(styleOf(display));
        layer.setVisible(display.visible);
      }
      // Outlines are fetched when they are to be seen for the first time.
      if (!display.visible || (layerId === drawn.layerId && !force)) continue;
      drawn.layerId = layerId;
      const source = layerId === undefined ? null : this.source(layerId);
      for (const layer of layers) layer.setSource(source);
    }
  }

  /** The objects at a place, topmost first: cells before the sites and wells around them. */
  at(coordinate: Coordinate): MapObject[] {
    const resolution = this.map.olMap.getView().getResolution() ?? 1;
    const [x = 0, y = 0] = coordinate;
    const around = buffer([x, y, x, y], POINTER_TOLERANCE * resolution);
    const found = new Map<string, MapObject>();
    for (const drawn of this.types) {
      for (const object of this.inExtent(drawn, around)) {
        const isPoint = object.geometry.getType() === 'Point';
        if (!isPoint && !object.geometry.intersectsCoordinate(coordinate)) continue;
        found.set(`${object.typeName} ${object.id}`, object);
      }
    }
    return [...found.values()];
  }

  /** The same object as it is drawn now; undefined when it is not on screen. */
  current(object: MapObject): MapObject | undefined {
    const drawn = this.types.find(({ display }) => display.type.name === object.typeName);
    if (drawn === undefined) return undefined;
    const extent = extend(createEmpty(), object.geometry.getExtent());
    return this.inExtent(drawn, extent).find(({ id }) => id === object.id);
  }

  private inExtent({ display, near, far }: DrawnType, extent: number[]): MapObject[] {
    if (!display.visible) return [];
    const resolution = this.map.olMap.getView().getResolution() ?? 1;
    const layer = resolution < FAR ? near : far;
    return layer.getFeaturesInExtent(extent).map((feature) => ({
      typeName: display.type.name,
      id: Number(feature.getId()),
      isStatic: display.isStatic,
      geometry: toGeometry(feature),
    }));
  }

  private source(layerId: string): VectorTileSource {
    const path = `${experimentPath(this.experimentId)}/segmentation_layers/${encodeURIComponent(layerId)}/tiles`;
    return new VectorTileSource({
      format: this.format,
      projection: this.map.projection,
      tileGrid: this.map.tileGrid,
      tileSize: TILE_SIZE,
      zDirection: 0,
      tileUrlFunction: ([z = 0, x = 0, y = 0]) => `${path}?x=${x}&y=${y}&z=${z}`,
      tileLoadFunction: (tile, url) => {
        this.load(tile, url);
      },
    });
  }

  private load(tile: Tile, url: string): void {
    // OpenLayers hands over under its general type what the source made.
    if (!(tile instanceof VectorTile)) return;
    tile.setLoader(() => {
      this.api.json(url).then(
        (collection) => {
          const { projection } = this.map;
          tile.setFeatures(
            this.format.readFeatures(collection, {
              // The same on both sides: the coordinates are map pixels already.
              dataProjection: projection,
              featureProjection: projection,
            }),
          );
        },
        (error: unknown) => {
          tile.setState(TileState.ERROR);
          this.onError?.(messageOf(error));
        },
      );
    });
  }
}
