/** Names of the wells on the map, where there is room for them. */

import Feature from 'ol/Feature';
import Point from 'ol/geom/Point';
import VectorLayer from 'ol/layer/Vector';
import VectorSource from 'ol/source/Vector';
import { Fill, Stroke, Style, Text } from 'ol/style';
import type { PlateMap } from './map';
import type { Well } from './wells';

/** Above outlines, below what is selected. */
const Z = 900;

/** A well that is narrower on screen, in pixels, has no room for its name. */
const NARROWEST = 32;

export function addWellLabels(map: PlateMap, wells: readonly Well[]): void {
  const several = new Set(wells.map(({ plate }) => plate)).size > 1;
  const features = wells.map(({ name, plate, box: [left, top, right] }) => {
    const feature = new Feature({ geometry: new Point([(left + right) / 2, -top]) });
    const text = new Text({
      text: several && name === firstOf(wells, plate) ? `${plate}\n${name}` : name,
      font: '600 13px system-ui, sans-serif',
      textBaseline: 'bottom',
      offsetY: -3,
      fill: new Fill({ color: '#e4e7ec' }),
      stroke: new Stroke({ color: '#050608', width: 3 }),
    });
    const style = new Style({ text });
    feature.setStyle((_, resolution) => ((right - left) / resolution < NARROWEST ? [] : style));
    return feature;
  });
  map.olMap.addLayer(new VectorLayer({ source: new VectorSource({ features }), zIndex: Z }));
}

/** The well of a plate that is first on the map, above which the name of the plate stands. */
function firstOf(wells: readonly Well[], plate: string): string | undefined {
  const own = wells.filter((well) => well.plate === plate);
  own.sort((one, other) => one.row - other.row || one.column - other.column);
  return own[0]?.name;
}
