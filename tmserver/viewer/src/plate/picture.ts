/** What the map shows as a picture of its own: with its scale bar, and what its colours mean. */

import { messageOf } from '../api';
import { element } from '../page/dom';
import { saveFile } from '../page/download';
import { formatValue } from '../page/format';
import type { LegendEntry } from '../objects/object_layers';
import { densityColours, legendTitle, LISTED } from '../objects/legend';
import type { ChannelDisplay } from '../pixels/channels';
import type { PlateMap } from './map';
import { barOnScreen } from './scale_bar';

/** Pixels of the screen. */
const [MARGIN, PADDING, LINE, SWATCH, BAR_WIDTH] = [14, 6, 19, 11, 180];

export interface Shown {
  readonly map: PlateMap;
  readonly channels: readonly ChannelDisplay[];
  readonly legend: readonly LegendEntry[];
  readonly pixelSize: number | null;
}

/** Saves the picture under a name. */
export function pictureButton(
  name: string,
  shown: () => Shown,
  onError: (message: string) => void,
): HTMLButtonElement {
  const label = 'Save what the map shows as a picture';
  const button = element('button', { title: label, 'aria-label': label, 'data-testid': 'save-picture' }, '⤓');
  button.addEventListener('click', () => {
    button.disabled = true;
    drawPicture(shown())
      .then(
        (picture) => {
          saveFile(picture, `${name}.png`);
        },
        (error: unknown) => {
          onError(messageOf(error));
        },
      )
      .finally(() => {
        button.disabled = false;
      });
  });
  return button;
}

/** Draws one row of a legend with its top left corner at a place. */
type Row = (context: CanvasRenderingContext2D, x: number, y: number) => void;

/** The picture, in the resolution of the screen. */
async function drawPicture({ map, channels, legend, pixelSize }: Shown): Promise<Blob> {
  await map.whenSettled();
  const [width = 0, height = 0] = map.olMap.getSize() ?? [];
  const ratio = map.olMap.getPixelRatio();
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('This browser cannot draw the picture.');
  context.fillStyle = '#050608';
  context.fillRect(0, 0, canvas.width, canvas.height);
  drawLayers(context, map.element, ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = '13px system-ui, sans-serif';
  context.textBaseline = 'top';
  drawRows(context, channels.filter(({ visible }) => visible).map(channelRow), 'left', MARGIN);
  const rows = legend.flatMap(legendRows);
  drawRows(context, rows, 'right', height - MARGIN - rows.length * LINE);
  drawScaleBar(context, height, map.place().resolution, pixelSize);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error('This browser could not make the picture.'));
      else resolve(blob);
    });
  });
}

/** Draws what OpenLayers has drawn, each layer where its style puts it. */
function drawLayers(context: CanvasRenderingContext2D, element: HTMLElement, ratio: number): void {
  for (const layer of element.querySelectorAll<HTMLCanvasElement>('.ol-layers canvas')) {
    if (layer.width === 0 || layer.height === 0) continue;
    const { transform } = layer.style;
    context.setTransform(
      transform === ''
        ? new DOMMatrix().scale(ratio * (layer.clientWidth / layer.width))
        : new DOMMatrix().scale(ratio).multiply(new DOMMatrix(transform)),
    );
    context.drawImage(layer, 0, 0);
  }
}

function drawRows(context: CanvasRenderingContext2D, rows: readonly Row[], side: 'left' | 'right', top: number): void {
  const width = context.canvas.width / context.getTransform().a;
  const left = side === 'left' ? MARGIN : width - MARGIN - BAR_WIDTH;
  if (rows.length > 0) drawGround(context, left, top, BAR_WIDTH, rows.length * LINE);
  rows.forEach((row, index) => {
    row(context, left, top + index * LINE);
  });
}

/** Darkens what is below words, so that they can be read. */
function drawGround(context: CanvasRenderingContext2D, left: number, top: number, width: number, height: number): void {
  context.fillStyle = 'rgb(5 6 8 / 75%)';
  context.fillRect(left - PADDING, top - PADDING, width + 2 * PADDING, height + PADDING);
}

function text(words: string, indent = 0): Row {
  return (context, x, y) => {
    context.fillStyle = '#fff';
    context.fillText(words, x + indent, y, BAR_WIDTH - indent);
  };
}

function swatch(colour: string, words: string): Row {
  return (context, x, y) => {
    context.fillStyle = colour;
    context.fillRect(x, y + 1, SWATCH, SWATCH);
    text(words, SWATCH + 6)(context, x, y);
  };
}

function channelRow({ channel, colour, window }: ChannelDisplay): Row {
  return swatch(colour, `${channel.name}, ${window.min} to ${window.max}`);
}

function scale(colours: readonly string[]): Row {
  return (context, x, y) => {
    const width = BAR_WIDTH / colours.length;
    colours.forEach((colour, step) => {
      context.fillStyle = colour;
      context.fillRect(x + step * width, y + 2, width + 0.5, SWATCH);
    });
  };
}

function ends(low: string, high: string): Row {
  return (context, x, y) => {
    text(low)(context, x, y);
    text(high, BAR_WIDTH - context.measureText(high).width)(context, x, y);
  };
}

function legendRows(entry: LegendEntry): Row[] {
  const { display, colouring, largest } = entry;
  const title = legendTitle(entry);
  if (title === undefined) return [];
  if (colouring === undefined) {
    const most = largest ?? 1;
    return [text(title), scale(densityColours(most, display.colour)), ends('1', most.toLocaleString('en'))];
  }
  const { classes, colours, range } = colouring;
  if (classes === null) {
    return [text(title), scale(colours), ends(formatValue(range[0]), formatValue(range[1]))];
  }
  const listed = classes.slice(0, LISTED).map((name, index) => swatch(colours[index] ?? '#fff', name));
  const more = classes.length > LISTED ? [text(`and ${classes.length - LISTED} others`)] : [];
  return [text(title), ...listed, ...more];
}

function drawScaleBar(
  context: CanvasRenderingContext2D,
  height: number,
  resolution: number,
  pixelSize: number | null,
): void {
  const { label, length } = barOnScreen(resolution, pixelSize);
  const top = height - MARGIN - 4 - LINE;
  drawGround(context, MARGIN, top, Math.max(length, context.measureText(label).width), LINE + 4);
  context.fillStyle = '#fff';
  context.fillText(label, MARGIN, top);
  context.fillRect(MARGIN, top + LINE, length, 4);
}
