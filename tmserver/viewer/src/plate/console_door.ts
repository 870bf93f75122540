/** The door for tests and for the curious in the browser's console. */

import type { ObjectLayers } from '../objects/object_layers';
import type { PlateMap } from './map';

export function openDoor(map: PlateMap, layers: ObjectLayers, webgl: boolean): void {
  window.tmViewer = {
    map: map.olMap,
    renderer: webgl ? 'webgl' : 'canvas',
    showRegion: ({ x, y, width, height }) => {
      map.olMap.getView().fit([x, -(y + height), x + width, -y]);
    },
    colourBy: (typeName, column) => {
      if (column === null) layers.colourBy(typeName, undefined);
      return column === null ? Promise.resolve() : layers.colourByColumn(typeName, column);
    },
  };
}
