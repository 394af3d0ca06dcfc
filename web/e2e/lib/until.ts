const PACE_MS = 25;

/** Asks again and again until something is so; fails after the limit. */
export async function until(what: string, isSo: () => Promise<boolean>, limitMs: number): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await new Promise((done) => setTimeout(done, PACE_MS));
  }
}
