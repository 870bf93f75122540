/** Scales of colours for measured values, told apart by all kinds of eyes. */

/** Stops at equal steps, from the low values to the high ones. */
export const PALETTES = {
  /** As bright as the value is high. */
  viridis: [
    '#440154', '#482878', '#3e4a89', '#31688e', '#26828e', '#1f9e89', '#35b779', '#6ece58',
    '#b5de2b', '#fde725',
  ],
  cividis: [
    '#00224e', '#123570', '#3b496c', '#575d6d', '#707173', '#8a8678', '#a59c74', '#c3b369',
    '#e1cc55', '#fee838',
  ],
  magma: [
    '#180f3d', '#440f76', '#721f81', '#9e2f7f', '#cd4071', '#f1605d', '#fd9668', '#feca8d',
    '#fcfdbf',
  ],
  /** From one side through white to the other. */
  'blue to red': ['#2166ac', '#67a9cf', '#d1e5f0', '#f7f7f7', '#fddbc7', '#ef8a62', '#b2182b'],
  gray: ['#30343b', '#ffffff'],
} as const satisfies Record<string, readonly string[]>;

export type Palette = keyof typeof PALETTES;

export const PALETTE_NAMES = Object.keys(PALETTES) as Palette[];
