/** The page of one experiment: the map, filling the window, and the panel beside it. */

import type { Api } from '../api';
import type { Channel, Experiment, MapobjectType } from '../api_types';
import type { ChannelPanel } from '../pixels/channel_panel';
import { channelPanel } from '../pixels/channel_panel';
import type { ChannelDisplay, Plane } from '../pixels/channels';
import { channelDisplays, planes } from '../pixels/channels';
import { element } from '../page/dom';
import { IntensityTiles } from '../pixels/intensity_tiles';
import { addLegend } from '../objects/legend';
import { PlateMap } from './map';
import { Notice } from '../page/notice';
import { ObjectLayers } from '../objects/object_layers';
import { objectPanel } from '../objects/object_panel';
import type { ObjectDisplay } from '../objects/objects';
import { objectDisplays } from '../objects/objects';
import { PickedObjects } from './picked_objects';
import { PixelLayers } from '../pixels/pixel_layers';
import { planePanel } from './plane_panel';
import { Pointer } from './pointer';
import { addScaleBar } from './scale_bar';
import { ToolPanel } from '../tools/tool_panel';
import { ViewHistograms } from '../pixels/view_histograms';
import { hasWebGL } from '../pixels/webgl_layer';

/** Everything that the page of an experiment needs to know. */
export interface PlateData {
  readonly experiment: Experiment;
  readonly channels: readonly Channel[];
  readonly types: readonly MapobjectType[];
}

export async function loadPlate(api: Api, experimentId: string): Promise<PlateData> {
  const [experiment, channels, types] = await Promise.all([
    api.experiment(experimentId),
    api.channels(experimentId),
    api.mapobjectTypes(experimentId),
  ]);
  return { experiment, channels, types };
}

/** Shows a plate in `page`, which has to be part of the document; `header` tops the panel. */
export class PlatePage {
  private readonly map: PlateMap;
  private readonly tiles: IntensityTiles;
  private readonly histograms: ViewHistograms;
  private readonly channels: ChannelPanel;
  private readonly pixels: PixelLayers;
  private readonly objectLayers: ObjectLayers;
  private readonly displays: readonly ChannelDisplay[];
  private readonly objects: readonly ObjectDisplay[];
  private readonly notice: Notice;
  private readonly pointer: Pointer;
  private readonly tools: ToolPanel;
  private readonly position = element('div', { class: 'position', 'data-testid': 'position' });
  private plane: Plane;

  constructor(page: HTMLElement, api: Api, data: PlateData, header: HTMLElement) {
    this.displays = channelDisplays(data.channels);
    this.objects = objectDisplays(data.types);
    const { tpoints, zplanes } = planes(data.channels);
    this.plane = { tpoint: tpoints[0] ?? 0, zplane: zplanes[0] ?? 0 };

    const layer = this.displays[0]?.channel.layers[0];
    if (layer === undefined) throw new Error('This experiment has no images to show.');
    const mapElement = element('div', {
      class: 'map',
      tabindex: '0',
      role: 'application',
      'aria-label': 'Map of the plate. Arrow keys move it, plus and minus zoom, F shows all of it.',
      'data-testid': 'map',
    });
    const canvasForced = new URLSearchParams(location.search).get('renderer') === 'canvas';
    const webgl = !canvasForced && hasWebGL();
    const panel = element('aside', { class: 'panel', id: 'panel', 'data-testid': 'panel' });
    page.append(mapElement, panel);

    this.map = new PlateMap(mapElement, layer.image_size, layer.max_zoom);
    this.tiles = new IntensityTiles(api, data.experiment.id);
    this.histograms = new ViewHistograms(this.map, this.tiles, this.displays, () => this.plane);
    this.channels = this.channelPanel();
    this.pixels = new PixelLayers(this.map, this.tiles, webgl);
    this.objectLayers = new ObjectLayers(this.map, api, data.experiment.id, this.objects);
    this.notice = new Notice(() => {
      this.refresh(true);
    });
    this.histograms.onError = this.pixels.onError = this.objectLayers.onError = (message) => {
      this.notice.show(message);
    };
    this.pointer = new Pointer(this.map, this.objectLayers, this.position);
    this.tools = this.makeTools(api, data);
    this.map.olMap.on('moveend', () => {
      if (this.pixels.needsOtherInterpolation()) this.refresh();
    });
    this.fillPanel(panel, header, planePanel(tpoints, zplanes, this.plane, this.choosePlane), webgl);
    this.addControls(page, mapElement);
    addScaleBar(this.map, mapElement, layer.pixel_size);
    addLegend(this.map, this.objectLayers, mapElement);
    this.refresh();
    this.publish(webgl);
  }

  dispose(): void {
    delete window.tmViewer;
    this.tools.dispose();
    this.map.dispose();
    this.tiles.dispose();
  }

  private readonly choosePlane = (plane: Plane): void => {
    this.plane = plane;
    this.refresh();
    this.tools.refresh(plane);
  };

  private makeTools(api: Api, data: PlateData): ToolPanel {
    const picked = new PickedObjects(this.map);
    const tools = new ToolPanel(
      {
        api,
        experimentId: data.experiment.id,
        types: this.objects.map((display) => display.type),
        layers: this.objectLayers,
        picking: {
          listen: (listener) => {
            this.pointer.onPick = listener;
            this.map.zoomsOnDoubleClick = listener === undefined;
          },
          show: (objects) => {
            picked.show(objects);
          },
        },
      },
      this.plane,
    );
    tools.onError = (message) => {
      this.notice.show(message);
    };
    return tools;
  }

  private refresh(force = false): void {
    this.pixels.refresh(this.displays, this.plane, force);
    this.objectLayers.refresh(this.plane, force);
  }

  private channelPanel(): ChannelPanel {
    const panel = channelPanel(this.displays, {
      paint: () => {
        this.pixels.paint(this.displays);
      },
      refresh: () => {
        this.pixels.refresh(this.displays, this.plane);
      },
      autoContrast: (display) => this.histograms.setContrast(display),
      follow: (follows) => {
        this.histograms.follows = follows;
        void this.histograms.update();
      },
    });
    this.histograms.onCounts = panel.showCounts;
    this.histograms.onContrast = () => {
      panel.show();
      this.pixels.paint(this.displays);
    };
    return panel;
  }

  private fillPanel(
    panel: HTMLElement,
    header: HTMLElement,
    planeSection: HTMLElement | null,
    webgl: boolean,
  ): void {
    const selection = element('section', { hidden: true, 'data-testid': 'selected-object' });
    this.pointer.onSelect = (object) => {
      selection.hidden = object === undefined;
      if (object === undefined) return;
      selection.replaceChildren(
        element('h2', {}, 'Selected'),
        element(
          'div',
          { class: 'row' },
          element('span', { class: 'grow' }, `${object.typeName} ${object.id}`),
          element(
            'button',
            {
              class: 'small',
              onclick: () => {
                this.pointer.select(undefined);
              },
            },
            'Clear',
          ),
        ),
      );
    };
    const objects = objectPanel(this.objects, () => {
      this.objectLayers.refresh(this.plane);
    });
    panel.append(header, this.channels.element);
    if (planeSection !== null) panel.append(planeSection);
    panel.append(objects, selection, this.tools.element);
    if (!webgl) {
      panel.append(
        element(
          'p',
          { class: 'hint', 'data-testid': 'no-webgl' },
          'Drawn without WebGL, which this browser does not offer: the same picture, but slower.',
        ),
      );
    }
    panel.append(this.position);
  }

  private addControls(page: HTMLElement, mapElement: HTMLElement): void {
    const fit = () => {
      this.map.fit();
    };
    const control = (text: string, label: string, testId: string, onclick: () => void) =>
      element('button', { title: label, 'aria-label': label, 'data-testid': testId, onclick }, text);
    const zoomBy = (factor: number) => () => {
      this.map.zoomBy(factor);
    };
    const toggle = control('☰', 'Show or hide the panel', 'panel-toggle', () => {
      page.classList.toggle('panel-toggled');
      this.map.olMap.updateSize();
    });
    toggle.setAttribute('aria-controls', 'panel');
    mapElement.append(
      element('div', { class: 'progress', 'aria-hidden': 'true', 'data-testid': 'loading' }),
      element(
        'div',
        { class: 'controls' },
        control('+', 'Zoom in', 'zoom-in', zoomBy(2)),
        control('−', 'Zoom out', 'zoom-out', zoomBy(0.5)),
        control('⤢', 'Show the whole plate (F)', 'zoom-fit', fit),
      ),
      element('div', { class: 'controls right' }, toggle),
      this.notice.element,
    );
    mapElement.addEventListener('keydown', (event) => {
      if (event.key === 'f') fit();
    });
  }

  /** The door for tests and for the curious in the browser's console. */
  private publish(webgl: boolean): void {
    window.tmViewer = {
      map: this.map.olMap,
      renderer: webgl ? 'webgl' : 'canvas',
      showRegion: ({ x, y, width, height }) => {
        this.map.olMap.getView().fit([x, -(y + height), x + width, -y]);
      },
      colourBy: (typeName, column) => {
        if (column === null) this.objectLayers.colourBy(typeName, undefined);
        return column === null
          ? Promise.resolve()
          : this.objectLayers.colourByColumn(typeName, column);
      },
    };
  }
}
