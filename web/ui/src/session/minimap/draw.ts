import { KINDS, type Kind, kindColour } from '../model/kinds';
import { bucketsOf, columnPx, type MinimapModel, rowPx } from '../model/minimap';

export interface Palette {
  kinds: Record<Kind, string>;
  error: string;
  turn: string;
  hit: string;
}

/** The colours of tokens.css as they are now: a canvas knows no variables. */
export function readPalette(beside: HTMLElement): Palette {
  const probe = document.createElement('span');
  beside.parentElement?.append(probe);
  const read = (colour: string) => {
    probe.style.color = colour;
    return getComputedStyle(probe).color;
  };
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, read(kindColour(kind))])) as Record<
    Kind,
    string
  >;
  const palette = {
    kinds,
    error: read('var(--error)'),
    turn: read('var(--border)'),
    hit: read('var(--warn)'),
  };
  probe.remove();
  return palette;
}

/** Room at the side for the marks of errors and hits. */
const EDGE_PX = 6;
/** Quiet kinds are drawn narrow, so that what people and tools did stands out. */
const WIDTHS: Record<Kind, number> = {
  prompt: 1,
  completion: 0.8,
  reasoning: 0.5,
  builtin: 0.65,
  mcp: 0.65,
  cli: 0.65,
  model: 0.25,
  permission: 0.4,
  span: 0.4,
  other: 0.4,
};

export function draw(
  canvas: HTMLCanvasElement,
  size: { width: number; height: number },
  model: MinimapModel,
  hits: readonly number[],
  palette: Palette,
): void {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(size.height * scale);
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(scale, scale);
  const inner = size.width - EDGE_PX;
  const px = rowPx(model.rows, size.height);
  const mark = Math.max(1, px > 2 ? px - 1 : px);
  context.fillStyle = palette.turn;
  for (const index of model.turns) context.fillRect(0, index * px, size.width, 1);
  if (px < 1) drawBuckets(context, model, { ...size, width: inner }, palette);
  else drawMarks(context, model, inner, px, palette);
  context.fillStyle = palette.error;
  for (const one of model.marks) {
    if (one.failed) context.fillRect(inner, one.index * px - 0.5, EDGE_PX, Math.max(2, mark));
  }
  context.fillStyle = palette.hit;
  for (const index of hits) context.fillRect(0, index * px, size.width, Math.max(2, mark));
}

function drawMarks(
  context: CanvasRenderingContext2D,
  model: MinimapModel,
  width: number,
  px: number,
  palette: Palette,
): void {
  for (const one of model.marks) {
    const column = columnPx(one.column, model.columns, width);
    context.fillStyle = palette.kinds[one.kind];
    const wide = Math.max(2, (column.width - 2) * WIDTHS[one.kind]);
    context.fillRect(column.left, one.index * px, wide, px > 2 ? px - 1 : px);
  }
}

/** Many events in one line of pixels: each kind has its share of the line. */
function drawBuckets(
  context: CanvasRenderingContext2D,
  model: MinimapModel,
  size: { width: number; height: number },
  palette: Palette,
): void {
  const lines = Math.max(1, Math.floor(size.height));
  const counts = bucketsOf(model, lines);
  const kinds = KINDS.length;
  for (let cell = 0; cell < lines * model.columns; cell += 1) {
    const shares = counts.subarray(cell * kinds, (cell + 1) * kinds);
    const all = shares.reduce((sum, n) => sum + n, 0);
    if (all === 0) continue;
    const column = columnPx(cell % model.columns, model.columns, size.width);
    let left = column.left;
    for (const [at, kind] of KINDS.entries()) {
      const wide = ((shares[at] ?? 0) / all) * (column.width - 2);
      if (wide === 0) continue;
      context.fillStyle = palette.kinds[kind];
      context.fillRect(left, Math.floor(cell / model.columns), wide, 1);
      left += wide;
    }
  }
}
