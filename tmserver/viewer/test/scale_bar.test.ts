import { expect, it } from 'vitest';
import { sliderEnd } from '../src/pixels/contrast_slider';
import { roundLength, scaleBar } from '../src/plate/scale_bar';

it('draws the scale bar as long as a round number allows', () => {
  expect([0.3, 1, 4.9, 5, 19, 140, 999, 1000].map(roundLength)).toEqual([
    0.2, 1, 2, 5, 10, 100, 500, 1000,
  ]);
});

it('counts whole pixels where no pixel size is known', () => {
  expect(scaleBar(140, null)).toEqual({ label: '100 px', pixels: 100 });
  expect(scaleBar(0.4, null)).toEqual({ label: '1 px', pixels: 1 });
  expect(scaleBar(14_000, null).label).toBe('10,000 px');
});

it('shows a length in the sample where the pixel size is known', () => {
  expect(scaleBar(140, 0.5)).toEqual({ label: '50 µm', pixels: 100 });
  expect(scaleBar(14_000, 0.65)).toEqual({ label: '5 mm', pixels: 5000 / 0.65 });
  expect(scaleBar(1.4, 0.65).label).toBe('0.5 µm');
});

it('lets the contrast slider go beyond the window, but not beyond the image', () => {
  expect(sliderEnd({ min: 0, max: 3000 }, 65_535)).toBe(6000);
  expect(sliderEnd({ min: 0, max: 200 }, 255)).toBe(255);
});
