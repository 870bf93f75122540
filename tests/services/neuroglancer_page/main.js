// Neuroglancer with the state of its address, and functions by which a test asks what it has loaded.
import "neuroglancer";
import { MessageSeverity } from "neuroglancer/unstable/util/message_list.js";
import { columnSpecifications } from "neuroglancer/unstable/ui/statistics.js";
import { setDefaultInputEventBindings } from "neuroglancer/unstable/ui/default_input_event_bindings.js";
import { makeDefaultViewer } from "neuroglancer/unstable/ui/default_viewer.js";
import { urlSafeParse } from "neuroglancer/unstable/util/json.js";

// As setupDefaultViewer does, but without writing the address. Where a machine takes longer than
// 0.4 s to read it, that is written in between, which fails for half a layer, and the layer is lost.
const viewer = makeDefaultViewer();
setDefaultInputEventBindings(viewer.inputEventBindings);
viewer.state.restoreState(urlSafeParse(decodeURIComponent(location.hash.slice("#!".length))));
const columns = new Map(columnSpecifications.map((one) => [one.key, one.getter]));

function layerOf(name) {
  return viewer.layerManager.getLayerByName(name).layer;
}

function errorsOf(layer) {
  const told = [...layer.messages].filter((one) => one.severity === MessageSeverity.error);
  const failed = layer.dataSources.filter((one) => one.loadState?.error !== undefined);
  return [
    ...told.map((one) => one.message),
    ...failed.map((one) => String(one.loadState.error)),
  ];
}

function idsOfPoints(chunks) {
  return chunks.flatMap((chunk) => chunk.data?.serializedAnnotations?.typeToIds.flat() ?? []);
}

async function loaded(reference) {
  while (reference.value === undefined) {
    await new Promise((done) => reference.changed.add(done));
  }
  return reference.value;
}

function isLoaded(layer) {
  const failed = errorsOf(layer).length > 0;
  return failed || (layer.isReady && layer.renderLayers.length > 0);
}

window.neuroglancer = {
  isDrawn: () => {
    const shown = viewer.layerManager.managedLayers.filter((one) => one.visible);
    return shown.length > 0 && shown.every((one) => isLoaded(one.layer)) && viewer.isReady();
  },

  layers: () =>
    viewer.layerManager.managedLayers.map((one) => ({
      name: one.name,
      type: one.layer.type,
      visible: one.visible,
      errors: errorsOf(one.layer),
    })),

  // visible chunks of all sources: how many there are, and how many could not be loaded
  chunks: async () => {
    const statistics = await viewer.chunkManager.chunkQueueManager.getStatistics();
    const sum = (key) =>
      [...statistics.values()].reduce((total, one) => total + columns.get(key)(one), 0);
    return { drawn: sum("visibleChunksGpuMemory"), failed: sum("visibleChunksFailed") };
  },

  // places of the points that chunks brought, each of them read by its number
  points: async (name) => {
    const { source } = layerOf(name).annotationStates.states[0];
    const chunks = [...source.spatiallyIndexedSources].flatMap((one) => [...one.chunks.values()]);
    const found = [];
    for (const id of idsOfPoints(chunks)) {
      const reference = source.getReference(id);
      found.push([...(await loaded(reference)).point]);
      reference.dispose();
    }
    return found;
  },

  // what a layer has at a place of the whole view
  valueAt: (name, place) => {
    const value = layerOf(name).getValueAt(new Float32Array(place), {
      pickedRenderLayer: null,
    });
    return value === null || value === undefined ? null : Number(value);
  },
};
