/**
 * A pipeline as it is edited: modules in their order, and what each of their inputs and outputs is
 * connected with. What the server knows and this does not is kept as it came.
 */

import type { JteratorProject, ModuleHandles } from '../api_types';
import type { Values } from '../shell/schema_values';

interface Input {
  readonly name: string;
  readonly type: string;
  readonly help?: string;
  readonly key?: string | null;
  readonly value?: unknown;
  readonly options?: readonly string[];
}

interface Output {
  readonly name: string;
  readonly type: string;
  readonly help?: string;
  readonly key?: string | null;
}

interface Handles {
  readonly version: string;
  readonly input: readonly Input[] | null;
  readonly output: readonly Output[] | null;
}

interface StoredStep {
  readonly source: string;
  readonly handles: string;
  readonly active?: boolean;
}

interface StoredPipeline {
  readonly input?: {
    readonly channels?: readonly StoredChannel[] | null;
    readonly objects?: readonly { readonly name: string }[] | null;
  };
  readonly pipeline?: readonly StoredStep[];
  readonly output?: { readonly objects?: readonly StoredObjects[] | null };
}

interface StoredChannel {
  readonly name: string;
  readonly correct?: boolean;
}

interface StoredObjects {
  readonly name: string;
  readonly as_polygons?: boolean;
}

/** How objects are kept: with their outlines, with their centres alone, or not at all. */
export type Kept = 'outlines' | 'centres' | 'not';

/** A module of the pipeline; `values`, `keys` and `outputs` are by the names of its handles. */
export interface EditedStep {
  readonly name: string;
  readonly module: string;
  active: boolean;
  readonly values: Values;
  readonly keys: Record<string, string | null>;
  readonly outputs: Record<string, string>;
  readonly handles: Handles;
  readonly stored: StoredStep;
}

export interface EditedProject {
  steps: EditedStep[];
  /** Whether the light of a channel is corrected, by the channel's name. */
  readonly corrected: Record<string, boolean>;
  readonly kept: Record<string, Kept>;
}

/** Types of handles that carry images and objects from module to module. */
const PIPES = ['IntensityImage', 'MaskImage', 'LabelImage', 'BinaryImage', 'Image', 'SegmentedObjects'];

/** What an input takes besides outputs of its own type. */
const FITTING: Readonly<Record<string, readonly string[]>> = {
  MaskImage: ['BinaryImage', 'LabelImage', 'SegmentedObjects'],
  BinaryImage: ['MaskImage'],
  LabelImage: ['MaskImage', 'SegmentedObjects'],
  Image: PIPES,
};

export function isPipe({ type }: { readonly type: string }): boolean {
  return PIPES.includes(type);
}

export function takesChannel({ type }: Input): boolean {
  return type === 'IntensityImage' || type === 'Image';
}

function nameOf(step: StoredStep): string {
  return (step.handles.split('/').pop() ?? '').replace(/\.yaml$/, '').replace(/\.handles$/, '');
}

function editedStep(stored: StoredStep, handles: Handles): EditedStep {
  const inputs = handles.input ?? [];
  const pipes = (handles.output ?? []).filter(isPipe);
  return {
    name: nameOf(stored),
    module: stored.source.replace(/\.py$/, ''),
    active: stored.active ?? true,
    values: Object.fromEntries(
      inputs.filter((each) => !isPipe(each)).map(({ name, value }) => [name, value ?? null]),
    ),
    keys: Object.fromEntries(inputs.filter(isPipe).map(({ name, key }) => [name, key ?? null])),
    outputs: Object.fromEntries(pipes.map(({ name, key }) => [name, key ?? ''])),
    handles,
    stored,
  };
}

export function edited(project: JteratorProject): EditedProject {
  const pipeline = project.pipeline as StoredPipeline;
  const handles = project.handles as Record<string, Handles>;
  const channels = pipeline.input?.channels ?? [];
  const objects = pipeline.output?.objects ?? [];
  return {
    steps: (pipeline.pipeline ?? []).map((step) =>
      editedStep(step, handles[nameOf(step)] ?? { version: '', input: [], output: [] }),
    ),
    corrected: Object.fromEntries(channels.map(({ name, correct }) => [name, correct ?? true])),
    kept: Object.fromEntries(
      objects.map(({ name, as_polygons }) => [name, as_polygons === false ? 'centres' : 'outlines']),
    ),
  };
}

/** What modules before the one at a place put out and an input can take, the latest last. */
export function fitting(steps: readonly EditedStep[], place: number, input: Input): string[] {
  const types = [input.type, ...(FITTING[input.type] ?? [])];
  return steps
    .slice(0, place)
    .filter((step) => step.active)
    .flatMap((step) => {
      const made = (step.handles.output ?? []).filter(({ type }) => types.includes(type));
      return made.map(({ name }) => step.outputs[name] ?? '').filter((key) => key !== '');
    });
}

/** Names of the objects that the modules register. */
export function registered(steps: readonly EditedStep[]): string[] {
  const names = steps
    .filter((step) => step.active)
    .flatMap((step) => {
      const made = (step.handles.output ?? []).filter(({ type }) => type === 'SegmentedObjects');
      return made.map(({ name }) => step.outputs[name] ?? '');
    });
  return [...new Set(names.filter((name) => name !== ''))];
}

/** A module at the end of the pipeline, connected with what was made last and fits. */
export function added(
  steps: readonly EditedStep[],
  module: ModuleHandles,
  channels: readonly string[],
): EditedStep {
  const taken = new Set(steps.map(({ name }) => name));
  let name = module.name;
  for (let number = 2; taken.has(name); number += 1) name = `${module.name}_${number}`;
  const stored = { source: `${module.name}.py`, handles: `handles/${name}.handles.yaml`, active: true };
  const handles = module.description as unknown as Handles;
  const step = editedStep(stored, handles);
  for (const output of (handles.output ?? []).filter(isPipe)) {
    // objects are named by who wants them; all else is called after the module that makes it
    step.outputs[output.name] = output.type === 'SegmentedObjects' ? '' : `${name}.${output.name}`;
  }
  for (const input of (handles.input ?? []).filter(isPipe)) {
    const [only, ...others] = channels;
    const channel = takesChannel(input) && others.length === 0 ? only : undefined;
    step.keys[input.name] = fitting(steps, steps.length, input).at(-1) ?? channel ?? null;
  }
  return step;
}

/** The same steps with one of them at another place. */
export function moved<T>(steps: readonly T[], from: number, to: number): T[] {
  const order = [...steps];
  const [step] = order.splice(from, 1);
  if (step !== undefined) order.splice(Math.max(0, Math.min(to, order.length)), 0, step);
  return order;
}

/** Channels that inputs of the pipeline take. */
export function usedChannels(steps: readonly EditedStep[], channels: readonly string[]): string[] {
  const keys = new Set(steps.flatMap((step) => Object.values(step.keys)));
  return channels.filter((name) => keys.has(name));
}

function handlesOf(step: EditedStep): Handles {
  return {
    ...step.handles,
    input: (step.handles.input ?? []).map((input) =>
      isPipe(input)
        ? { ...input, key: step.keys[input.name] ?? null }
        : { ...input, value: step.values[input.name] },
    ),
    output: (step.handles.output ?? []).map((output) =>
      isPipe(output) ? { ...output, key: step.outputs[output.name] ?? null } : output,
    ),
  };
}

/** The project that is sent. */
export function described(
  project: EditedProject,
  stored: JteratorProject,
  channels: readonly string[],
): JteratorProject {
  const pipeline = stored.pipeline as StoredPipeline;
  const before = new Map((pipeline.output?.objects ?? []).map((each) => [each.name, each]));
  const inputs = new Map((pipeline.input?.channels ?? []).map((each) => [each.name, each]));
  const objects = registered(project.steps).filter((name) => keptOf(project, name) !== 'not');
  return {
    ...stored,
    pipeline: {
      ...pipeline,
      input: {
        ...pipeline.input,
        channels: usedChannels(project.steps, channels).map((name) => ({
          ...inputs.get(name),
          name,
          correct: project.corrected[name] ?? true,
        })),
      },
      pipeline: project.steps.map(({ stored: step, active }) => ({ ...step, active })),
      output: {
        ...pipeline.output,
        objects: objects.map((name) => ({
          ...before.get(name),
          name,
          as_polygons: keptOf(project, name) === 'outlines',
        })),
      },
    },
    handles: Object.fromEntries(project.steps.map((step) => [step.name, handlesOf(step)])),
  };
}

/** How objects are kept; those that nobody has decided about with their outlines. */
export function keptOf(project: EditedProject, name: string): Kept {
  return project.kept[name] ?? 'outlines';
}

/** A project as YAML, in the form in which it is tried out; JSON is YAML, too. */
export function projectText(project: JteratorProject): string {
  const pipeline = project.pipeline as StoredPipeline;
  const steps = (pipeline.pipeline ?? []).map((step) => ({ name: nameOf(step), ...step }));
  const handles = Object.entries(project.handles).map(([name, description]) => ({ name, description }));
  return JSON.stringify({ pipe: { description: { ...pipeline, pipeline: steps } }, handles });
}
