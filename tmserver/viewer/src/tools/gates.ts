/** Gates: outlines that are drawn in scatter plots of two features. */

import { messageOf } from '../api';
import { openDialog } from '../page/dialog';
import { element } from '../page/dom';
import { featureField } from './feature_picker';
import type { Shape, Values } from './gate_shapes';
import { countOnGrid, drawnOf, shapeOf } from './gate_shapes';
import { COUNT_COLOURS, inLook, plotly } from './plots';
import type { Field } from './schema_form';

export interface Gate {
  readonly name: string;
  readonly x_feature: string;
  readonly y_feature: string;
  readonly shape: Shape;
}

/** Values of a feature for all objects on show, in the same order for each feature. */
export type FetchFeature = (name: string) => Promise<Values>;

const CELLS = 100;
const LINE = { color: '#e4572e', width: 2 };
const CONFIG = {
  responsive: true,
  displaylogo: false,
  displayModeBar: true,
  modeBarButtons: [['drawrect', 'drawclosedpath', 'eraseshape', 'zoom2d', 'pan2d', 'resetScale2d']],
};

/** The field of a form in which gates are listed; they are drawn in a window of its own. */
export class GatesField implements Field {
  readonly element = element('div', { class: 'tool-gates' });
  private readonly list = element('ul', {});
  private gates: Gate[] = [];
  /** Counts how often axes were chosen. */
  private turn = 0;

  constructor(
    private readonly features: readonly string[],
    private readonly fetch: FetchFeature,
    id: string,
  ) {
    const draw = element(
      'button',
      { id, type: 'button', class: 'small', 'data-testid': 'gates-draw' },
      'Draw in a scatter plot …',
    );
    draw.addEventListener('click', () => {
      this.open();
    });
    this.element.append(this.list, draw);
  }

  value(): Gate[] {
    return this.gates;
  }

  private show(): void {
    this.list.replaceChildren(
      ...this.gates.map((gate) => {
        const remove = element(
          'button',
          { type: 'button', class: 'small', 'aria-label': `Remove ${gate.name}` },
          '×',
        );
        remove.addEventListener('click', () => {
          this.gates = this.gates.filter((each) => each !== gate);
          this.show();
        });
        const text = `${gate.name}: ${gate.shape.kind}, ${gate.x_feature} × ${gate.y_feature}`;
        return element('li', { class: 'row' }, element('span', { class: 'grow' }, text), remove);
      }),
    );
  }

  private open(): void {
    const x = featureField(this.features, 'gates-x');
    const y = featureField(this.features, 'gates-y');
    y.input.value = this.features[1] ?? y.input.value;
    const place = element('div', { class: 'plot large', 'data-testid': 'gates-plot' });
    const hint = element('p', { class: 'hint' });
    const redraw = () => {
      const turn = ++this.turn;
      const tell = (text: string) => {
        if (turn === this.turn) hint.textContent = text;
      };
      tell('Loading …');
      this.draw(place, x.input.value, y.input.value, turn).then(
        () => {
          tell(
            'Draw rectangles, or choose the closed path above the plot to draw polygons. ' +
              'Click an outline and the eraser to remove it.',
          );
        },
        (error: unknown) => {
          tell(messageOf(error));
        },
      );
    };
    for (const { input } of [x, y]) input.addEventListener('change', redraw);
    openDialog(
      'Gates',
      'gates-dialog',
      () => {
        this.show();
      },
      element(
        'div',
        { class: 'row tool-axes' },
        element('label', {}, 'To the right', x.element),
        element('label', {}, 'Upwards', y.element),
      ),
      place,
      hint,
    );
    redraw();
  }

  private async draw(place: HTMLElement, x: string, y: string, turn: number): Promise<void> {
    const [library, xs, ys] = await Promise.all([plotly(), this.fetch(x), this.fetch(y)]);
    // Other axes may have been chosen meanwhile.
    if (turn !== this.turn) return;
    const grid = countOnGrid(xs, ys, CELLS);
    const isHere = (gate: Gate) => gate.x_feature === x && gate.y_feature === y;
    const layout = {
      dragmode: 'drawrect',
      xaxis: { title: { text: x } },
      yaxis: { title: { text: y } },
      newshape: { line: LINE, fillcolor: 'rgba(228, 87, 46, 0.15)' },
      shapes: this.gates.filter(isHere).map((gate) => ({
        ...drawnOf(gate.shape),
        editable: true,
        line: LINE,
        fillcolor: 'rgba(228, 87, 46, 0.15)',
      })),
    };
    const cells = {
      type: 'heatmap',
      x: grid.x,
      y: grid.y,
      z: grid.counts.map((line) => line.map((count) => (count === 0 ? null : Math.log10(1 + count)))),
      customdata: grid.counts,
      hovertemplate: '%{customdata} objects<extra></extra>',
      colorscale: COUNT_COLOURS,
      showscale: false,
    };
    const drawn = await library.newPlot(place, [cells], inLook(layout), CONFIG);
    if (turn !== this.turn) return;
    drawn.on('plotly_relayout', () => {
      const shapes = (drawn.layout.shapes ?? []).map(shapeOf).filter((shape) => shape !== undefined);
      const here = shapes.map((shape) => ({ name: '', x_feature: x, y_feature: y, shape }));
      this.gates = [...this.gates.filter((gate) => !isHere(gate)), ...here].map((gate, index) => ({
        ...gate,
        name: `Gate ${index + 1}`,
      }));
    });
  }
}
