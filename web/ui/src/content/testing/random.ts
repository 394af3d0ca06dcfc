/** Numbers that look random and are the same in each run, for tests over many texts. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A text put together from pieces. */
export function textOf(random: () => number, pieces: readonly string[], length: number): string {
  return Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join('');
}
