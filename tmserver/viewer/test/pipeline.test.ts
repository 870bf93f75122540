import { describe, expect, it } from 'vitest';

import type { JteratorProject, ModuleHandles } from '../src/api_types';
import { graphOf } from '../src/pipeline/graph';
import { added, described, edited, fitting, moved, registered } from '../src/pipeline/project';

const SMOOTH: ModuleHandles = {
  name: 'smooth',
  help: 'Smooth an image.',
  description: {
    version: '0.1.0',
    input: [
      { name: 'image', type: 'IntensityImage', key: null },
      { name: 'filter_size', type: 'Numeric', value: 1 },
    ],
    output: [{ name: 'smoothed_image', type: 'IntensityImage', key: 'smooth.smoothed_image' }],
  },
};
const THRESHOLD: ModuleHandles = {
  name: 'threshold_otsu',
  help: '',
  description: {
    version: '0.1.0',
    input: [{ name: 'image', type: 'IntensityImage', key: null }],
    output: [{ name: 'mask', type: 'BinaryImage', key: 'threshold_otsu.mask' }],
  },
};
const REGISTER: ModuleHandles = {
  name: 'register_objects',
  help: '',
  description: {
    version: '0.1.0',
    input: [{ name: 'mask', type: 'MaskImage', key: null }],
    output: [{ name: 'objects', type: 'SegmentedObjects', key: null }],
  },
};
const STORED: JteratorProject = {
  pipeline: {
    input: { channels: [{ name: 'DNA', correct: false, note: 'dim' }, { name: 'Actin' }], objects: [] },
    pipeline: [{ source: 'smooth.py', handles: 'handles/smooth_dna.handles.yaml', note: 'mine' }],
    output: { objects: [] },
  },
  handles: {
    smooth_dna: {
      ...SMOOTH.description,
      input: [
        { name: 'image', type: 'IntensityImage', key: 'DNA' },
        { name: 'filter_size', type: 'Numeric', value: 3 },
      ],
    },
  },
};

describe('a pipeline that is edited', () => {
  it('comes out as it went in, but for channels that nothing takes', () => {
    const next = described(edited(STORED), STORED, ['DNA', 'Actin']);
    const pipeline = STORED.pipeline as { pipeline: object[]; input: object };
    expect(next.handles).toEqual(STORED.handles);
    expect(next.pipeline).toEqual({
      ...pipeline,
      input: { ...pipeline.input, channels: [{ name: 'DNA', correct: false, note: 'dim' }] },
      pipeline: [{ ...pipeline.pipeline[0], active: true }],
    });
  });

  it('connects a module that is added with what was made last and fits', () => {
    const { steps } = edited(STORED);
    for (const module of [SMOOTH, THRESHOLD, REGISTER]) {
      steps.push(added(steps, module, ['DNA', 'Actin']));
    }
    expect(steps.map(({ name, keys }) => [name, ...Object.values(keys)])).toEqual([
      ['smooth_dna', 'DNA'],
      ['smooth', 'smooth.smoothed_image'],
      ['threshold_otsu', 'smooth.smoothed_image'],
      ['register_objects', 'threshold_otsu.mask'],
    ]);
    expect(added(steps, SMOOTH, []).name).toBe('smooth_2');
  });

  it('offers nothing that is made later or left out', () => {
    const { steps } = edited(STORED);
    const register = added(steps, REGISTER, []);
    steps.push(added(steps, THRESHOLD, ['DNA']), register);
    const [input] = register.handles.input ?? [];
    if (input === undefined) throw new Error('register_objects takes a mask');
    expect(fitting(steps, 2, input)).toEqual(['threshold_otsu.mask']);
    expect(fitting(moved(steps, 2, 0), 0, input)).toEqual([]);
    const threshold = steps[1];
    if (threshold !== undefined) threshold.active = false;
    expect(fitting(steps, 2, input)).toEqual([]);
  });

  it('keeps registered objects as was chosen', () => {
    const project = edited(STORED);
    const register = added(project.steps, REGISTER, []);
    register.outputs.objects = 'Nuclei';
    project.steps.push(register);
    const output = () => described(project, STORED, ['DNA']).pipeline.output;
    expect(registered(project.steps)).toEqual(['Nuclei']);
    expect(output()).toEqual({ objects: [{ name: 'Nuclei', as_polygons: true }] });
    project.kept.Nuclei = 'not';
    expect(output()).toEqual({ objects: [] });
  });
});

describe('the graph of a pipeline', () => {
  it('leads from channels to modules, each below what it takes', () => {
    const { steps } = edited(STORED);
    for (const module of [SMOOTH, THRESHOLD, REGISTER]) {
      steps.push(added(steps, module, ['DNA', 'Actin']));
    }
    const { nodes, edges } = graphOf(steps, ['DNA', 'Actin']);
    expect(edges.map(({ from, to }) => `${from} > ${to}`)).toEqual([
      'channel DNA > module smooth_dna',
      'module smooth_dna > module smooth',
      'module smooth > module threshold_otsu',
      'module threshold_otsu > module register_objects',
    ]);
    expect(nodes.map(({ label }) => label)).not.toContain('Actin');
    const heights = nodes.map(({ y }) => y);
    expect(heights).toEqual([...new Set(heights)].sort((one, other) => one - other));
  });

  it('takes nothing from modules that are left out', () => {
    const { steps } = edited(STORED);
    steps.push(added(steps, THRESHOLD, ['DNA']));
    const [smooth] = steps;
    if (smooth !== undefined) smooth.active = false;
    expect(graphOf(steps, ['DNA']).edges).toHaveLength(1);
  });
});
