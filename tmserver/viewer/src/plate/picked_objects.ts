/** Objects that were clicked as examples, drawn on the map in the colours of their classes. */

import Feature from 'ol/Feature';
import type Geometry from 'ol/geom/Geometry';
import VectorLayer from 'ol/layer/Vector';
import VectorSource from 'ol/source/Vector';
import { Circle, Fill, Stroke, Style } from 'ol/style';
import type { PlateMap } from './map';

/** Above all outlines, below the highlight of the selected object. */
const Z = 999;

export interface PickedObject {
  readonly geometry: Geometry;
  readonly colour: string;
}

export class PickedObjects {
  private readonly source = new VectorSource();
  private readonly layer: VectorLayer;

  constructor(private readonly map: PlateMap) {
    this.layer = new VectorLayer({ source: this.source, zIndex: Z });
    map.olMap.addLayer(this.layer);
  }

  show(objects: Iterable<PickedObject>): void {
    this.source.clear();
    for (const { geometry, colour } of objects) {
      const feature = new Feature({ geometry });
      feature.setStyle(
        new Style({
          stroke: new Stroke({ color: colour, width: 3 }),
          fill: new Fill({ color: `${colour}66` }),
          image: new Circle({ radius: 5, fill: new Fill({ color: colour }) }),
        }),
      );
      this.source.addFeature(feature);
    }
  }

  dispose(): void {
    this.map.olMap.removeLayer(this.layer);
  }
}
