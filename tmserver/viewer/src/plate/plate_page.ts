/** The page of one experiment: the map, filling the window, and the panel beside it. */

import { AnnotationSection } from '../annotations/section.svelte';
import type { Api } from '../api';
import { messageOf } from '../api';
import type { ChannelPanel } from '../pixels/channel_panel';
import { channelPanel } from '../pixels/channel_panel';
import type { ChannelDisplay, Plane } from '../pixels/channels';
import { channelDisplays, planes } from '../pixels/channels';
import { element } from '../page/dom';
import { IntensityTiles } from '../pixels/intensity_tiles';
import type { ColourBy } from '../objects/colour_by';
import { colourBy, TableColumns } from '../objects/colour_by';
import { addLegend } from '../objects/legend';
import { openDoor } from './console_door';
import { PlateMap } from './map';
import { addMapControls, makeMapElement } from './map_controls';
import { Notice } from '../page/notice';
import { ObjectLayers } from '../objects/object_layers';
import { ObjectCard } from '../objects/object_card';
import { objectPanel } from '../objects/object_panel';
import type { ObjectDisplay } from '../objects/objects';
import { objectDisplays } from '../objects/objects';
import { LinkedViews } from './linked_views';
import { ObjectSelection } from '../objects/object_selection';
import { OutlineDrawing } from './outline_drawing';
import { PickedObjects } from './picked_objects';
import { PixelLayers } from '../pixels/pixel_layers';
import { intensitiesAt } from '../pixels/pointed_intensities';
import type { Square } from '../pixels/crop';
import { drawCrop } from '../pixels/crop';
import { planePanel } from './plane_panel';
import type { PlateData } from './plate_data';
import { pictureButton } from './picture';
import { Pointer } from './pointer';
import { applyView, currentView, findSelected, planeOf } from './shown_view';
import { WellPanel } from './well_panel';
import { initialView, ViewAddress } from './view_address';
import type { ViewState } from './view_state';
import { addScaleBar } from './scale_bar';
import { ToolPanel } from '../tools/tool_panel';
import { ViewHistograms } from '../pixels/view_histograms';
import { hasWebGL, noWebGLHint } from '../pixels/webgl_layer';

export { loadPlate } from './plate_data';

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
  private readonly columns: TableColumns;
  private readonly card: ObjectCard;
  private readonly tools: ToolPanel;
  private readonly annotations: AnnotationSection;
  private readonly wells: WellPanel;
  private readonly selection = new ObjectSelection();
  private readonly views: LinkedViews;
  private readonly drawing: OutlineDrawing;
  private readonly address: ViewAddress;
  private plane: Plane;

  constructor(page: HTMLElement, api: Api, data: PlateData, header: HTMLElement, userId: string) {
    this.displays = channelDisplays(data.channels);
    this.objects = objectDisplays(data.types);
    const { tpoints, zplanes } = planes(data.channels);
    const view = initialView(data.experiment.id);
    applyView(view, this.displays, this.objects);
    this.plane = planeOf(view, tpoints, zplanes);

    const layer = this.displays[0]?.channel.layers[0];
    if (layer === undefined) throw new Error('This experiment has no images to show.');
    const mapElement = makeMapElement();
    const canvasForced = new URLSearchParams(location.search).get('renderer') === 'canvas';
    const webgl = !canvasForced && hasWebGL();
    const panel = element('aside', { class: 'panel', id: 'panel', 'data-testid': 'panel' });
    page.append(mapElement, panel);

    this.map = new PlateMap(mapElement, layer.image_size, layer.max_zoom);
    this.tiles = new IntensityTiles(api, data.experiment.id);
    this.histograms = new ViewHistograms(this.map, this.tiles, this.displays, () => this.plane);
    this.histograms.follows = view.follows;
    this.channels = this.channelPanel();
    this.pixels = new PixelLayers(this.map, this.tiles, webgl);
    this.objectLayers = new ObjectLayers(this.map, api, data.experiment.id, this.objects);
    this.notice = new Notice(() => {
      this.refresh(true);
    });
    this.histograms.onError = this.pixels.onError = this.objectLayers.onError = this.report;
    this.pointer = new Pointer(this.map, this.objectLayers);
    this.pointer.intensities = (pixel) => intensitiesAt(pixel, this.displays, this.plane, this.tiles);
    this.drawing = new OutlineDrawing(this.map);
    this.columns = new TableColumns(api, data.experiment.id);
    this.tools = this.makeTools(api, data);
    this.card = this.objectCard(api, data);
    this.wells = this.wellPanel(api, data);
    this.annotations = new AnnotationSection({
      api,
      experimentId: data.experiment.id,
      userId,
      types: this.objects.filter(({ isStatic }) => !isStatic),
      map: this.map,
      pointer: this.pointer,
      pixelSize: layer.pixel_size,
      hasPlanes: zplanes.length > 1,
      plane: () => this.plane,
      selection: this.selection,
      docked: () => this.views.state(),
      onError: this.report,
    });
    this.views = this.linkedViews(page, api, data, layer.pixel_size);
    this.address = new ViewAddress(data.experiment.id, () => this.view());
    if (view.place !== undefined) this.map.goTo(view.place);
    this.map.olMap.on('moveend', () => {
      this.address.changed();
      if (this.pixels.needsOtherInterpolation()) this.refresh();
    });
    const planeSection = planePanel(tpoints, zplanes, this.plane, this.choosePlane, () => this.map.whenSettled());
    this.fillPanel(panel, header, planeSection, webgl);
    const picture = this.pictureButton(data.experiment.name, layer.pixel_size);
    addMapControls(this.map, page, this.notice.element, [this.views.button, picture]);
    addScaleBar(this.map, mapElement, layer.pixel_size);
    addLegend(this.map, this.objectLayers, mapElement);
    this.refresh();
    this.objectLayers.onChange(() => {
      this.address.changed();
    });
    this.restore(api, data, view);
    openDoor(this.map, this.objectLayers, webgl);
  }

  dispose(): void {
    delete window.tmViewer;
    this.address.dispose();
    this.annotations.dispose();
    this.tools.dispose();
    this.map.dispose();
    this.tiles.dispose();
  }

  private readonly report = (message: string): void => {
    this.notice.show(message);
  };

  private readonly choosePlane = (plane: Plane): void => {
    this.plane = plane;
    this.refresh();
    this.repaint();
    this.card.reread();
    this.views.refresh();
    this.wells.refresh();
    this.address.changed();
    this.tools.refresh(plane);
  };

  private view(): ViewState {
    return currentView(
      this.map,
      this.plane,
      this.histograms.follows,
      this.displays,
      this.objects,
      this.objectLayers,
      this.pointer.selection,
      this.views.state(),
    );
  }

  /** Colours and selects as an address says, when what is needed for it has come. */
  private restore(api: Api, data: PlateData, view: ViewState): void {
    for (const [name, { column }] of view.objects) {
      if (column === undefined) continue;
      void this.objectLayers.colourByColumn(name, column.name, column.options);
    }
    if (view.docked !== undefined) this.views.open(view.docked);
    findSelected(api, data.experiment.id, this.objects, view.selected, this.plane).then(
      (object) => {
        // Somebody may have clicked meanwhile.
        if (object !== undefined && this.pointer.selection === undefined) this.pointer.select(object);
      },
      (error: unknown) => {
        this.report(messageOf(error));
      },
    );
  }

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
          draw: (kind, done) => {
            this.drawing.take(kind, done);
          },
        },
        wells: {
          wells: () => this.wells.all,
          pick: (picker) => {
            this.wells.pick(picker);
          },
        },
      },
      this.plane,
    );
    tools.onError = this.report;
    tools.onResults = this.forgetColumns;
    return tools;
  }

  private refresh(force = false): void {
    this.pixels.refresh(this.displays, this.plane, force);
    this.objectLayers.refresh(this.plane, force);
    this.annotations.refresh(force);
  }

  private channelPanel(): ChannelPanel {
    const panel = channelPanel(this.displays, this.histograms.follows, {
      paint: () => {
        this.pixels.paint(this.displays);
        this.repaint();
        this.address.changed();
      },
      refresh: () => {
        this.pixels.refresh(this.displays, this.plane);
        this.repaint();
        this.address.changed();
      },
      autoContrast: (display) => this.histograms.setContrast(display),
      resetContrast: (display) => {
        this.histograms.resetContrast(display);
      },
      follow: (follows) => {
        this.histograms.follows = follows;
        this.address.changed();
        void this.histograms.update();
      },
    });
    this.histograms.onCounts = panel.showCounts;
    this.histograms.onContrast = () => {
      panel.show();
      this.pixels.paint(this.displays);
      this.repaint();
      this.address.changed();
    };
    return panel;
  }

  private objectCard(api: Api, data: PlateData): ObjectCard {
    return new ObjectCard({
      api,
      experimentId: data.experiment.id,
      columns: this.columns,
      typeOf: (name) => data.types.find((type) => type.name === name),
      plane: () => this.plane,
      draw: this.drawCrop,
      colourBy: (typeName, column) => {
        this.colourBy(typeName, column);
      },
      clear: () => {
        this.pointer.select(undefined);
      },
    });
  }

  private wellPanel(api: Api, data: PlateData): WellPanel {
    return new WellPanel({
      api,
      experimentId: data.experiment.id,
      types: data.types,
      map: this.map,
      tpoint: () => this.plane.tpoint,
      columnOf: (typeName) => this.objectLayers.columnOf(typeName)?.name,
      onConditions: this.forgetColumns,
      onError: this.report,
    });
  }

  private linkedViews(
    page: HTMLElement,
    api: Api,
    data: PlateData,
    pixelSize: number | null,
  ): LinkedViews {
    const { id: experimentId } = data.experiment;
    return new LinkedViews(page, {
      api,
      experimentId,
      types: this.objects.filter(({ isStatic }) => !isStatic),
      columns: this.columns,
      selection: this.selection,
      plateMap: this.map,
      layers: this.objectLayers,
      pointer: this.pointer,
      map: {
        draw: (kind, done) => {
          this.drawing.take(kind, done);
        },
        within: (typeName, outline) => this.objectLayers.within(typeName, outline),
        keep: (typeName, ids, name) => this.tools.keep(typeName, ids, name),
      },
      plane: () => this.plane,
      draw: this.drawCrop,
      pixelSize,
      changed: () => {
        this.address.changed();
      },
      onError: this.report,
    });
  }

  private pictureButton(name: string, pixelSize: number | null): HTMLElement {
    const { map, displays: channels } = this;
    const shown = () => ({ map, channels, legend: this.objectLayers.legend(), pixelSize });
    return pictureButton(name, shown, this.report);
  }

  private readonly drawCrop = (canvas: HTMLCanvasElement, square: Square): Promise<void> => {
    const z = this.map.tileGrid.getMaxZoom();
    return drawCrop(canvas, square, this.displays, this.plane, this.tiles, z);
  };

  /** Draws all crops as the channels are shown now. */
  private repaint(): void {
    this.card.repaint();
    this.views.repaint();
  }

  /** Tables have other columns than before. */
  private readonly forgetColumns = (): void => {
    this.columns.forget();
    this.card.reread();
    this.views.refresh();
  };

  /** Colours the objects of a type by a column, or all in the colour of the type. */
  private colourBy(typeName: string, column: string | undefined): void {
    this.tools.release(typeName);
    if (column === undefined) this.objectLayers.colourBy(typeName, undefined);
    else void this.objectLayers.colourByColumn(typeName, column);
  }

  private fillPanel(
    panel: HTMLElement,
    header: HTMLElement,
    planeSection: HTMLElement | null,
    webgl: boolean,
  ): void {
    this.pointer.onSelect = (object) => {
      this.card.show(object);
      this.annotations.showObject(object);
      this.views.mark();
      this.address.changed();
    };
    this.pointer.onRedraw = (object) => {
      this.card.redraw(object);
    };
    const colourings: ColourBy[] = [];
    const refresh = () => {
      this.objectLayers.refresh(this.plane);
    };
    const objects = objectPanel(this.objects, refresh, ({ type }) => {
      const made = colourBy(type, this.columns, this.objectLayers, (column) => {
        this.colourBy(type.name, column);
      }, this.report);
      colourings.push(made);
      return [made.element];
    });
    this.objectLayers.onChange(() => {
      for (const { show } of colourings) show();
    });
    panel.append(header, this.channels.element);
    if (planeSection !== null) panel.append(planeSection);
    panel.append(objects, this.annotations.element, this.wells.element, this.card.element, this.tools.element);
    if (!webgl) panel.append(noWebGLHint());
  }
}
