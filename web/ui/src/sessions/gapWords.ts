import type { Gap } from '~/api/schema';

/** What a gap of a hook means, in words; `detail` is what the server says of it. */
const HOOK_WORDS: Record<string, (detail: string) => { head: string; detail: string }> = {
  hook_cut: () => ({
    head: 'Long texts are cut',
    detail: 'Something that the agent told its hook was too long for one delivery. Its long texts end early.',
  }),
  hook_not_json: (detail) => ({
    head: 'A hook could not be read',
    detail: `What the agent told was damaged or no JSON (${detail}). It is kept, but not shown.`,
  }),
  unknown_event: (detail) => ({
    head: 'A hook that is not known yet',
    detail: `This version of Ursa cannot read the ${detail}. It is kept, but not shown.`,
  }),
  clock_skew: () => ({
    head: 'The device’s clock is off',
    detail: 'Times of what hooks told are those at which the server took it, in the order of the device.',
  }),
};

/** A gap for a person: what is missing, and why. */
export function gapWords(gap: Gap): { head: string; detail: string } {
  const words =
    gap.channel === 'hook' && Object.hasOwn(HOOK_WORDS, gap.kind) ? HOOK_WORDS[gap.kind] : undefined;
  return words?.(gap.detail) ?? { head: gap.kind.replaceAll('_', ' '), detail: gap.detail };
}
