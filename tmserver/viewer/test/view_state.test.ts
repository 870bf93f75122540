import { describe, expect, it } from 'vitest';
import type { ViewState } from '../src/plate/view_state';
import { readView, writeChannels, writeView } from '../src/plate/view_state';

const STATE: ViewState = {
  place: { x: 1234.5, y: 678.25, resolution: 0.5 },
  tpoint: 2,
  zplane: 0,
  follows: true,
  channels: new Map([
    ['DAPI, 2 % & more', { visible: true, colour: '#4f7dff', window: { min: 100, max: 4095 }, gamma: 0.5 }],
    ['actin', { visible: false, colour: '#2fd67b', window: { min: 0, max: 65_535 }, gamma: 1 }],
  ]),
  objects: new Map([
    ['Nuclei', { visible: true, colour: '#ffe27a', column: undefined }],
    [
      'Cells',
      {
        visible: false,
        colour: '#ffffff',
        column: {
          name: 'Intensity, mean',
          options: { palette: 'magma', range: [0.001, 250], isLogarithmic: true },
        },
      },
    ],
  ]),
  selected: { typeName: 'Cells, large', id: 645 },
  docked: {
    view: 'table',
    typeName: 'Cells, large',
    columns: ['Area, & more', 'well_name'],
    order: { column: 'Area, & more', descending: true },
    filter: [{ column: 'Area, & more', min: 1.5 }, { column: 'well_name', values: ['A01', 'B02'] }],
  },
};

const reread = (state: ViewState) => readView(new URLSearchParams(writeView(state).toString()));

describe('an address', () => {
  it('gives back the whole view, whatever names there are', () => {
    expect(reread(STATE)).toEqual(STATE);
  });

  it('says nothing of what is as it is by itself', () => {
    const nothing = readView(new URLSearchParams('experiment=MQ%3D%3D'));
    expect(nothing).toMatchObject({ place: undefined, tpoint: undefined, selected: undefined });
    expect(writeView(nothing).toString()).toBe('');
  });

  it('is read without what makes no sense in it', () => {
    const query = 'at=1,2,0&t=-1&z=x&channel.a=on,red,1,2,1&channel.b=on,ffffff,9,3,1&objects.c=on&selected=,c';
    expect(readView(new URLSearchParams(query))).toEqual({
      place: undefined,
      tpoint: undefined,
      zplane: undefined,
      follows: false,
      channels: new Map([['b', { visible: true, colour: '#ffffff', window: { min: 9, max: 10 }, gamma: 1 }]]),
      objects: new Map(),
      selected: undefined,
    });
  });

  it('has the channels alone where these are remembered', () => {
    const { channels, follows, ...others } = readView(writeChannels(STATE));
    expect({ channels, follows }).toEqual({ channels: STATE.channels, follows: true });
    expect(others.objects.size).toBe(0);
  });
});
