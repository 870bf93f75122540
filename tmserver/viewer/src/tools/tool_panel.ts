/** The part of the panel in which tools are run and their results are looked at. */

import type { Api } from '../api';
import type { MapobjectType } from '../api_types';
import { messageOf } from '../api';
import type { Plane } from '../pixels/channels';
import { element } from '../page/dom';
import type { WellPicking } from './controls_field';
import { ToolJobs } from './tool_jobs';
import type { ObjectLayers } from '../objects/object_layers';
import { fetchValues } from '../objects/object_values';
import { SELECTION_COLOUR } from '../objects/object_selection';
import { colouringOf } from './result_colours';
import { ResultList } from './result_list';
import { selectField } from './schema_form';
import { toolForm } from './tool_form';
import type { Tool, ToolResult } from './tool_requests';
import { ToolRequests } from './tool_requests';
import type { Picking } from './training_classes';

export interface ToolPanelContext {
  readonly api: Api;
  readonly experimentId: string;
  readonly types: readonly MapobjectType[];
  readonly layers: ObjectLayers;
  readonly picking: Picking;
  readonly wells: WellPicking;
}

export class ToolPanel {
  readonly element = element('section', { class: 'tools', 'data-testid': 'tools' });
  private readonly requests: ToolRequests;
  private readonly jobs: ToolJobs;
  private readonly results: ResultList;
  private readonly body = element('div');
  private tools: readonly Tool[] = [];
  private coloured: ToolResult | undefined;
  /** Tells late colours from those that were chosen last. */
  private asked = 0;
  /** Tells late answers for a form that was left from those for the one on show. */
  private visit = 0;

  /** Called with a sentence for the user when something fails. */
  onError: ((message: string) => void) | undefined;
  /** Called when there are other results than before, or they have other names. */
  onResults: (() => void) | undefined;

  constructor(
    private readonly context: ToolPanelContext,
    private plane: Plane,
  ) {
    this.requests = new ToolRequests(context.api, context.experimentId);
    this.jobs = new ToolJobs(this.requests);
    this.results = new ResultList(this.requests);
    this.jobs.onResult = (submissionId) => {
      this.attempt(this.results.refresh(submissionId));
    };
    this.results.onChoose = (result, before) => {
      this.attempt(this.colour(result, before));
    };
    this.results.onChange = () => this.onResults?.();
    this.results.onError = (message) => this.onError?.(message);
    this.element.append(this.body, this.jobs.element, this.results.element);
    this.attempt(this.begin());
  }

  dispose(): void {
    this.jobs.dispose();
  }

  /** Follows the time point and z-plane on show. */
  refresh(plane: Plane): void {
    const isOther = plane.tpoint !== this.plane.tpoint;
    this.plane = plane;
    if (isOther) this.attempt(this.colour(this.coloured, undefined));
  }

  /** Keeps objects under a name, as a column of their table. */
  async keep(typeName: string, ids: readonly number[], name: string): Promise<void> {
    const payload = {
      chosen_object_type: typeName,
      object_ids: ids,
      name,
      color: SELECTION_COLOUR,
    };
    await this.jobs.follow(await this.requests.start('Selection', payload));
  }

  /** Leaves the colours of a type to somebody else: its result is no longer the one on show. */
  release(typeName: string): void {
    if (this.coloured?.mapobject_type_name !== typeName) return;
    this.asked += 1;
    this.coloured = undefined;
    this.results.release();
  }

  private attempt(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.onError?.(messageOf(error));
    });
  }

  private async begin(): Promise<void> {
    this.tools = await this.requests.tools();
    this.drawChoice();
    // In this order: of a job that ends in between, the result is seen.
    await this.jobs.begin();
    await this.results.refresh();
  }

  private drawChoice(): void {
    const names = this.tools.map((tool) => tool.name);
    const { element: select } = selectField(['', ...names], '', 'tool-choice');
    select.options[0]?.replaceChildren('Choose a tool …');
    select.dataset.testid = 'tool-choice';
    select.setAttribute('aria-label', 'Tool');
    const place = element('div');
    select.addEventListener('change', () => {
      this.leave();
      const tool = this.tools.find(({ name }) => name === select.value);
      place.replaceChildren(...(tool === undefined ? [] : [this.drawTool(tool)]));
    });
    this.body.replaceChildren(element('h2', {}, 'Tools'), select, place);
  }

  /** Clicks on the map select objects again. */
  private leave(): void {
    this.visit += 1;
    this.context.picking.listen(undefined);
    this.context.picking.show([]);
    this.context.picking.draw(undefined, () => undefined);
    this.context.wells.pick(undefined);
  }

  private drawTool(tool: Tool): HTMLElement {
    const { types } = this.context;
    const names = types.map((type) => type.name);
    const { element: select } = selectField(names, names[0], 'tool-type');
    select.dataset.testid = 'tool-type';
    const place = element('div');
    const show = () => {
      this.leave();
      place.replaceChildren();
      const type = types.find(({ name }) => name === select.value);
      if (type !== undefined) this.attempt(this.drawForm(tool, type, place));
    };
    select.addEventListener('change', show);
    show();
    return element(
      'div',
      {},
      element('p', { class: 'hint' }, tool.description),
      element(
        'div',
        { class: 'tool-field' },
        element('label', { for: 'tool-type' }, 'Objects'),
        select,
      ),
      place,
    );
  }

  private async drawForm(tool: Tool, type: MapobjectType, place: HTMLElement): Promise<void> {
    const visit = this.visit;
    const [features, models, remarks] = await Promise.all([
      this.requests.features(type.id),
      tool.name === 'Prediction' ? this.requests.models() : Promise.resolve([]),
      tool.name === 'Classification' ? this.requests.remarks(type.id) : Promise.resolve([]),
    ]);
    if (visit !== this.visit) return;
    const { api, experimentId, picking, wells, layers } = this.context;
    const fields = toolForm(tool, {
      type,
      features: features.map((feature) => feature.name),
      models,
      remarks,
      picking,
      wells,
      within: (outline) => layers.within(type.name, outline),
      fetchFeature: async (name) =>
        (await fetchValues(api, experimentId, type.id, `feature:${name}`, this.plane.tpoint)).values,
    });
    const problem = element('p', { class: 'error', role: 'alert', 'data-testid': 'tool-error' });
    const run = element(
      'button',
      { class: 'primary', type: 'submit', 'data-testid': 'tool-run' },
      'Run',
    );
    const form = element('form', { class: 'tool-form' }, fields.element, problem, run);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      problem.textContent = '';
      run.disabled = true;
      this.requests
        .start(tool.name, fields.value())
        .then((submissionId) => this.jobs.follow(submissionId))
        .catch((error: unknown) => {
          problem.textContent = messageOf(error);
        })
        .finally(() => {
          run.disabled = false;
        });
    });
    place.replaceChildren(form);
  }

  private async colour(
    result: ToolResult | undefined,
    before: ToolResult | undefined,
  ): Promise<void> {
    const { api, experimentId, layers, types } = this.context;
    const number = ++this.asked;
    this.coloured = result;
    if (before !== undefined && before.mapobject_type_name !== result?.mapobject_type_name) {
      layers.colourBy(before.mapobject_type_name, undefined);
    }
    const type = types.find(({ name }) => name === result?.mapobject_type_name);
    if (result === undefined || type === undefined) return;
    const colouring = await colouringOf(api, experimentId, type.id, result, this.plane.tpoint);
    // Another result may have been chosen meanwhile, or another time point.
    if (number === this.asked) layers.colourBy(type.name, colouring);
  }
}
